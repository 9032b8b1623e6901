"""Where the lake is, and the statements by which a connection attaches it and knows what it may use.

Whoever attaches the lake (`connect`, dbt's plugin, the shell) runs these. Nothing is attached here.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from duckdb import DuckDBPyConnection

from tidegate.addresses import holds_secret, libpq_settings, secrets_of
from tidegate.errors import TidegateError
from tidegate.lake.catalogs.connections import with_limits
from tidegate.lake.extensions import WITHOUT_BAR
from tidegate.lake.spill import spill_folder
from tidegate.lake.sql import CATALOG, literal, quoted
from tidegate.zones import UTC

if TYPE_CHECKING:
    from tidegate.settings import Settings

# SQLite waits this long by itself where waiting can help, before it says "database is locked".
BUSY_MILLISECONDS = 10_000

# Below this many rows DuckDB's threads wait for each other longer than they work: the hundred small statements of
# a day take 5 ms each on one thread and 10 ms on two; the models of a month of 100,000 rows 1.9 CPU s and 2.8.
ROWS_WORTH_THREADS = 300_000

# A year's partitions written at once. With the default of 100, DuckDB closes and reopens files: 429 files in
# 6.2 s instead of 369 in 3.8 s for 7.3 million lines. Sorting by day first took 9.7 s.
OPEN_PARTITIONS = 400

# Where credentials are looked for that the environment does not hold, in this order.
CREDENTIAL_CHAIN = "config;web_identity;sso;process;instance"


# For the lake of another home: a look at it must end within the tick of a sensor.
OTHERS_PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class LakeConfig:
    """Where the lake is and what a connection to it may use.

    `catalog` is `sqlite:<file>` or `postgres:<libpq settings>`, `data` a folder or an `s3://` URL,
    `patience` the seconds to wait for other writers, and `timezone` whose days its days are.
    """

    catalog: str
    data: str
    threads: int
    memory_limit: str
    spill: Path
    patience: float
    s3_endpoint: str = ""
    # Whether S3's credentials are looked for in a profile or role; those of the environment need no looking for.
    s3_looks_for_credentials: bool = False
    s3_region: str = ""
    timezone: str = UTC.name

    def __post_init__(self) -> None:
        if not self.catalog.startswith(("sqlite:", "postgres:")):
            raise TidegateError(
                "The lake's catalog must be `sqlite:<file>` or `postgres:<libpq settings>`. Fix TIDEGATE_LAKE_CATALOG."
            )
        if not self.catalog_file:
            _refuse_password(self.catalog.removeprefix("postgres:"))
        if holds_secret(self.s3_endpoint):
            raise TidegateError(
                "AWS_ENDPOINT_URL holds a user, a password or a token, which would show in logs and in dbt's profile. "
                "Nothing was changed. Take it out, and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead."
            )

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(
            catalog=settings.lake_catalog,
            data=settings.lake_data,
            threads=settings.threads,
            memory_limit=settings.memory_limit,
            spill=settings.scratch / "spill",
            patience=settings.lake_patience,
            timezone=settings.timezone,
            **_s3_of_environment(),
        )

    def sized_for(self, rows: int) -> Self:
        """This lake with the threads that work on so many rows is worth."""
        return self if rows >= ROWS_WORTH_THREADS else dataclasses.replace(self, threads=1)

    @property
    def catalog_file(self) -> Path | None:
        """The file of a SQLite catalog; None for Postgres."""
        return Path(self.catalog.removeprefix("sqlite:")) if self.catalog.startswith("sqlite:") else None

    @property
    def reached_catalog(self) -> str:
        """The catalog as it is attached: a connection to Postgres ends when one of its two ends is gone."""
        if self.catalog_file:
            return self.catalog
        return "postgres:" + with_limits(self.catalog.removeprefix("postgres:"))

    @property
    def checked_extensions(self) -> Path:
        """What says which files of extensions were checked, in the home's scratch folder."""
        return self.spill.with_name("checked-extensions.json")

    @property
    def lease_folder(self) -> Path:
        """Where the file locks of a SQLite catalog are."""
        if self.catalog_file is None:
            raise ValueError("a Postgres catalog has no lease folder: its leases are advisory locks")
        return self.catalog_file.parent / "leases"

    @property
    def extensions(self) -> tuple[str, ...]:
        """DuckDB extensions that this lake needs, in the order to load them."""
        catalog = "sqlite_scanner" if self.catalog_file else "postgres_scanner"
        if not self.data.startswith("s3://"):
            return ("ducklake", catalog)
        return ("ducklake", catalog, "httpfs", *(("aws",) if self.s3_looks_for_credentials else ()))


def of_another_home(catalog: str, data: str, scratch: Path) -> LakeConfig:
    """The lake of another home, to look into beside one's own. Raises TidegateError for a place that cannot be."""
    return LakeConfig(catalog, data, 1, "1GB", scratch / "spill", OTHERS_PATIENCE_SECONDS, **_s3_of_environment())


def _s3_of_environment() -> dict[str, Any]:
    # Not settings of Tidegate's but every AWS tool's, like the credentials, which httpfs reads itself.
    return {
        "s3_endpoint": os.environ.get("AWS_ENDPOINT_URL", ""),
        "s3_looks_for_credentials": "AWS_ACCESS_KEY_ID" not in os.environ,
        "s3_region": os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION", ""),
    }


def _refuse_password(connection: str) -> None:
    """Raise TidegateError for libpq settings, or a URL, with a password in them, and for what is neither."""
    try:
        has_password = any(secrets_of(libpq_settings(connection)))
    except ValueError:
        raise TidegateError(
            "The lake's catalog is neither `postgres:host=db dbname=lake user=tidegate` nor "
            "`postgres:postgresql://tidegate@db/lake`. It is not shown, as it may hold a password. Nothing was "
            "changed. Correct TIDEGATE_LAKE_CATALOG."
        ) from None
    if has_password:
        raise TidegateError(
            "The lake's catalog holds a password, which would show in logs and in dbt's profile. Nothing was changed. "
            "Take it out of TIDEGATE_LAKE_CATALOG, and set PGPASSWORD or write it into a pgpass file instead."
        )


def attach_statements(
    config: LakeConfig, read_only: bool = False, snapshot: int | None = None, name: str = CATALOG
) -> list[str]:
    """What attaches the lake that is there to a connection that has `config.extensions` loaded. Holds no secret."""
    return [*s3_statements(config), attach_statement(config, read_only, snapshot, name=name)]


def attach_statement(
    config: LakeConfig,
    read_only: bool = False,
    snapshot: int | None = None,
    create: bool = False,
    migrate: bool = False,
    name: str = CATALOG,
) -> str:
    options = [f"data_path {literal(config.data)}", f"create_if_not_exists {literal(create)}"]
    if config.catalog_file:
        options.append(f"meta_busy_timeout {BUSY_MILLISECONDS}")
        # The file remembers it, and a reader may not be allowed to set it.
        options += [] if read_only else ["meta_journal_mode 'WAL'"]
    if migrate:
        options.append("automatic_migration true")
    if read_only:
        options.append("read_only")
    if snapshot is not None:
        options.append(f"snapshot_version {snapshot}")
    source = literal("ducklake:" + config.reached_catalog)
    return f"attach if not exists {source} as {quoted(name)} ({', '.join(options)})"


def s3_statements(config: LakeConfig) -> list[str]:
    if "aws" in config.extensions:
        options = ", ".join(f"{name} {literal(value)}" for name, value in _s3_options(config).items())
        # DuckDB looks for them itself, and again before a role's credentials expire.
        return [f"create or replace temporary secret tidegate_s3 (type s3, provider credential_chain, {options})"]
    if "httpfs" in config.extensions and config.s3_endpoint:
        # Global: maintenance and dbt work on further connections of the same DuckDB.
        return [f"set global s3_{name} = {literal(value)}" for name, value in _s3_endpoint(config).items()]
    return []


def _s3_options(config: LakeConfig) -> dict[str, str | bool]:
    region = {"region": config.s3_region} if config.s3_region else {}
    return {"chain": CREDENTIAL_CHAIN, "refresh": "auto", **region, **_s3_endpoint(config)}


def _s3_endpoint(config: LakeConfig) -> dict[str, str | bool]:
    if not config.s3_endpoint:
        return {}
    scheme, _, host = config.s3_endpoint.rstrip("/").rpartition("://")
    return {"endpoint": host, "use_ssl": scheme != "http", "url_style": "path"}


# What httpfs puts among DuckDB's settings, from the environment or `attach_statements`, by the name in a secret.
_S3_SETTINGS = {
    "key_id": "s3_access_key_id",
    "secret": "s3_secret_access_key",
    "session_token": "s3_session_token",
    "region": "s3_region",
    "endpoint": "s3_endpoint",
    "use_ssl": "s3_use_ssl",
    "url_style": "s3_url_style",
}


def keys_into_a_secret(con: DuckDBPyConnection, config: LakeConfig) -> None:
    """Move S3's keys out of DuckDB's settings, which every statement can show, into a secret, which none can."""
    if "httpfs" not in config.extensions or "aws" in config.extensions:
        return
    settings = dict(con.execute("select name, value from duckdb_settings()").fetchall())
    options = ", ".join(
        f"{name} {literal(settings[setting])}" for name, setting in _S3_SETTINGS.items() if settings.get(setting)
    )
    con.execute(
        f"create temporary secret tidegate_s3 (type s3, provider config, scope {literal(config.data)}, {options})"
    )
    for name in ("s3_access_key_id", "s3_secret_access_key", "s3_session_token"):
        con.execute(f"set global {name} = ''")


# A setting of the session, which a copy of a connection does not inherit.
IN_UTC = "set TimeZone = 'UTC'"

# Nothing that is built has an order, and keeping one while it is written takes memory and time.
UNORDERED, ORDERED = ("set preserve_insertion_order = false", "set preserve_insertion_order = true")


def session_statements(config: LakeConfig) -> list[str]:
    """What a session on the lake begins with, its extensions loaded."""
    return [*resource_statements(config), IN_UTC, WITHOUT_BAR]


def resource_statements(config: LakeConfig) -> list[str]:
    """What a connection that works on the lake may use, whoever made it. Of each connection's own: where it spills."""
    return [
        f"set threads = {config.threads}",
        f"set memory_limit = {literal(config.memory_limit)}",
        f"set temp_directory = {literal(str(spill_folder(config.spill)))}",
        f"set partitioned_write_max_open_files = {OPEN_PARTITIONS}",
    ]
