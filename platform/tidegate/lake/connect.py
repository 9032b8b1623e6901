"""Attaching the lake, and the unit of work: one transaction, run again whole when another writer was first.

What the lake's tables hold belongs to the modules beside this one; which days a writer may touch to `lease`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

import duckdb
from duckdb import DuckDBPyConnection
from duckdb_extensions import import_extension
from tenacity import Retrying, stop_after_delay, wait_random_exponential

from tidegate.addresses import holds_secret, libpq_settings, secrets_of
from tidegate.errors import LakeBusyError, LakeMissingError, TidegateError
from tidegate.lake.conflicts import conflict_line, is_conflict, worth_repeating
from tidegate.lake.damage import trouble
from tidegate.lake.durable import sync_new_files
from tidegate.lake.identity import refuse_data_of_another, refuse_unknown_data
from tidegate.lake.locks import HeldElsewhereError, file_lock
from tidegate.lake.schema import LEDGER, create_tables, lacks_tables
from tidegate.lake.spill import remove_orphans, spill_folder
from tidegate.lake.sql import CATALOG, literal, quoted

if TYPE_CHECKING:
    from tidegate.settings import Settings

T = TypeVar("T")

# What DuckLake says of a catalog that holds no lake, when it is not to make one.
NO_LAKE = "creating a new DuckLake is explicitly disabled"

LEDGER_TABLES = [("ops", name) for name in LEDGER]

# SQLite waits this long by itself where waiting can help, before it says "database is locked".
BUSY_MILLISECONDS = 10_000

# A commit takes about 10 ms, so a waiter that looks every 10 ms loses at most as much.
TURN_POLL_SECONDS = 0.01

# Below this many rows DuckDB's threads wait for each other longer than they work: the hundred small statements of
# a day take 5 ms each on one thread and 10 ms on two.
ROWS_WORTH_THREADS = 200_000

# A year's partitions written at once. With the default of 100, DuckDB closes and reopens files: 429 files in
# 6.2 s instead of 369 in 3.8 s for 7.3 million lines. Sorting by day first took 9.7 s.
OPEN_PARTITIONS = 400

# Nothing is fetched from a network: extensions come from the installed wheels or not at all.
CONNECTION_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


# Where credentials are looked for that the environment does not hold, in this order.
CREDENTIAL_CHAIN = "config;web_identity;sso;process;instance"


@dataclass(frozen=True)
class LakeConfig:
    """Where the lake is and what a connection to it may use.

    `catalog` is `sqlite:<file>` or `postgres:<libpq settings>`, `data` a folder or an `s3://` URL, and
    `patience` the seconds to wait for other writers.
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

    def __post_init__(self) -> None:
        if not self.catalog.startswith(("sqlite:", "postgres:")):
            raise TidegateError(
                "The lake's catalog must be `sqlite:<file>` or `postgres:<libpq settings>`. Mend TIDEGATE_LAKE_CATALOG."
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
            # Not a setting of Tidegate's but every AWS tool's, like the credentials, which httpfs reads itself.
            s3_endpoint=os.environ.get("AWS_ENDPOINT_URL", ""),
            s3_looks_for_credentials="AWS_ACCESS_KEY_ID" not in os.environ,
            s3_region=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION", ""),
        )

    def sized_for(self, rows: int) -> Self:
        """This lake with the threads that work on so many rows is worth."""
        return self if rows >= ROWS_WORTH_THREADS else dataclasses.replace(self, threads=1)

    @property
    def catalog_file(self) -> Path | None:
        """The file of a SQLite catalog; None for Postgres."""
        return Path(self.catalog.removeprefix("sqlite:")) if self.catalog.startswith("sqlite:") else None

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
    return [*s3_statements(config), _attach_statement(config, read_only, snapshot, name=name)]


def _attach_statement(
    config: LakeConfig,
    read_only: bool = False,
    snapshot: int | None = None,
    create: bool = False,
    name: str = CATALOG,
) -> str:
    options = [f"data_path {literal(config.data)}", f"create_if_not_exists {literal(create)}"]
    if config.catalog_file:
        options.append(f"meta_busy_timeout {BUSY_MILLISECONDS}")
        # The file remembers it, and a reader may not be allowed to set it.
        options += [] if read_only else ["meta_journal_mode 'WAL'"]
    if read_only:
        options.append("read_only")
    if snapshot is not None:
        options.append(f"snapshot_version {snapshot}")
    source = literal("ducklake:" + config.catalog)
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


class Lake:
    """The attached lake: `con` has it as `lake`, in use, on UTC. One thread at a time."""

    def __init__(self, config: LakeConfig, con: DuckDBPyConnection) -> None:
        self.config = config
        self.con = con
        self._has_turn = False

    @classmethod
    def open(cls, config: LakeConfig, read_only: bool = False, snapshot: int | None = None) -> Self:
        """Attach the lake that is there; with `snapshot`, as it was then, to be read only.

        Raises TidegateError when there is none, with nothing made.
        """
        read_only = read_only or snapshot is not None
        refuse_missing_catalog(config)
        with _connected(config) as con:
            lake = cls(config, con)
            statements = attach_statements(config, read_only, snapshot)
            lake._patiently("attach the lake", lambda: lake._run_attach(statements))
            lake._begin_session(read_only)
        return lake

    @classmethod
    def make(cls, config: LakeConfig) -> Self:
        """Attach the lake, made first where there is none. Raises TidegateError where data of another lies already."""
        if config.catalog_file:
            config.catalog_file.parent.mkdir(parents=True, exist_ok=True)
        with _connected(config) as con:
            lake = cls(config, con)
            # A new catalog is written by whoever attaches it first.
            with lake.turn():
                lake._patiently("make the lake", lake._attach_or_create)
            lake._begin_session(read_only=False)
        return lake

    def _attach_or_create(self) -> None:
        try:
            refuse_missing_catalog(self.config)
            self._run_attach(attach_statements(self.config))
        except LakeMissingError:
            for statement in s3_statements(self.config):
                self.con.execute(statement)
            refuse_unknown_data(self.con, self.config.data, self.config.catalog)
            self._run_attach([_attach_statement(self.config, create=True)])

    def _begin_session(self, read_only: bool) -> None:
        refuse_data_of_another(self.con, self.config.data, self.config.catalog, read_only)
        if not read_only:
            self.config.spill.mkdir(parents=True, exist_ok=True)
            remove_orphans(self.config.spill)
        for statement in session_statements(self.config):
            self.con.execute(statement)
        if not read_only and lacks_tables(self.con):
            self.unit_of_work(create_tables)

    def _run_attach(self, statements: list[str]) -> None:
        try:
            for statement in statements:
                self.con.execute(statement)
        except duckdb.Error as error:
            if is_conflict(error):
                raise
            if NO_LAKE in str(error):
                raise no_lake(self.config) from error
            raise trouble(error, self.config.catalog) or _cannot_attach(self.config, error) from error
        self.con.execute(f"use {quoted(CATALOG)}")

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Be the only one of Tidegate's processes that writes to a SQLite catalog; nothing on Postgres.

        SQLite has one writer, and any commit between a transaction's first read and its own commit fails it,
        so writers that do not take turns repeat each other's work. Reentrant. Hold it around writes on
        connections that are not in a unit of work, such as dbt's, which are not repeated. Raises
        LakeBusyError.
        """
        if self._has_turn or self.config.catalog_file is None:
            yield
            return
        self.config.lease_folder.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + self.config.patience
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(file_lock(self.config.lease_folder / "turn.lock", deadline, TURN_POLL_SECONDS))
            except HeldElsewhereError as error:
                raise self._busy("write to the lake", error.holder or "another process") from error
            self._has_turn = True
            try:
                yield
            finally:
                self._has_turn = False

    def size_for(self, rows: int) -> None:
        """Use as many of the configured threads as work on so many rows is worth, until told otherwise."""
        self.con.execute(f"set threads = {self.config.sized_for(rows).threads}")

    @contextmanager
    def one_moment(self) -> Iterator[DuckDBPyConnection]:
        """Read the lake as it is at one moment. Several reads cost the catalog's 5 ms once and not each."""
        self.con.begin()
        try:
            yield self.con
        finally:
            # Reading leaves nothing to commit; after a failed statement the transaction may be gone already.
            with contextlib.suppress(duckdb.TransactionException):
                self.con.rollback()

    def unit_of_work(self, work: Callable[[DuckDBPyConnection], T], tables: Iterable[tuple[str, str]] = ()) -> T:
        """Run `work` in one transaction, and again as a whole when another writer's commit came first. What it writes
        into `tables` and the ledger is on the disk before the commit names it.

        `work` may run several times, so all it changes must be in the lake. Raises LakeBusyError after
        `config.patience` seconds of conflicts; other exceptions come through at once, with nothing changed.
        On a SQLite catalog other writers wait meanwhile: read and reckon before, and only write in here.
        """
        with self.turn():
            return self._patiently("write to the lake", lambda: self._transaction(work, tables))

    def _transaction(self, work: Callable[[DuckDBPyConnection], T], tables: Iterable[tuple[str, str]] = ()) -> T:
        began = time.time()
        self.con.begin()
        try:
            result = work(self.con)
            sync_new_files(self.config.data, [*tables, *LEDGER_TABLES], began)
            self.con.commit()
        except BaseException:
            # After a failed commit the transaction is gone already, and rolling it back is an error.
            with contextlib.suppress(duckdb.TransactionException):
                self.con.rollback()
            raise
        return result

    def _patiently(self, purpose: str, attempt: Callable[[], T]) -> T:
        retrying = Retrying(
            retry=worth_repeating,
            # Full jitter: writers that collided once must not meet again.
            wait=wait_random_exponential(multiplier=0.02, max=2),
            stop=stop_after_delay(self.config.patience),
            reraise=True,
        )
        try:
            return retrying(attempt)
        except duckdb.Error as error:
            if not is_conflict(error):
                raise
            raise self._busy(purpose, f"other writers ({conflict_line(error)})") from error

    def _busy(self, purpose: str, who: str) -> LakeBusyError:
        return LakeBusyError(
            f"Could not {purpose} within {self.config.patience:g} s because of {who}. Nothing was changed. "
            "Run it again; if it happens often, run fewer writers at once or raise TIDEGATE_LAKE_PATIENCE."
        )

    def reopen(self) -> None:
        """Take a new connection in place of one that DuckDB gave up. Temporary tables and settings are gone."""
        with contextlib.suppress(duckdb.Error):
            self.con.close()
        self.con = type(self).open(self.config).con

    def close(self) -> None:
        self.con.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _cannot_attach(config: LakeConfig, error: duckdb.Error) -> TidegateError:
    return TidegateError(
        f"The lake with catalog {config.catalog} and data {config.data} cannot be opened: {str(error).strip()} "
        "Nothing was changed. Mend TIDEGATE_LAKE_CATALOG or TIDEGATE_LAKE_DATA, or start what they name."
    )


def refuse_missing_catalog(config: LakeConfig) -> None:
    """Raise LakeMissingError for a SQLite catalog that is not there: attaching it, even to read, would make a file."""
    if config.catalog_file and not config.catalog_file.exists():
        raise no_lake(config)


def no_lake(config: LakeConfig) -> LakeMissingError:
    return LakeMissingError(
        f"There is no lake at {config.catalog_file or config.catalog}. Nothing was made or changed. "
        "Set TIDEGATE_HOME or TIDEGATE_LAKE_CATALOG to the lake that you mean, or make a new one: tidegate init"
    )


@contextmanager
def _connected(config: LakeConfig) -> Iterator[DuckDBPyConnection]:
    """A connection with the lake's extensions, which stays open when the work on it succeeds."""
    con = duckdb.connect(config=CONNECTION_CONFIG)
    try:
        for extension in config.extensions:
            load_extension(con, extension)
        yield con
    except BaseException:
        con.close()
        raise


def session_statements(config: LakeConfig) -> list[str]:
    """What a session on the lake begins with, its extensions loaded."""
    return [*resource_statements(config), "set TimeZone = 'UTC'"]


def resource_statements(config: LakeConfig) -> list[str]:
    """What a connection that works on the lake may use, whoever made it. Of each connection's own: where it spills."""
    return [
        f"set threads = {config.threads}",
        f"set memory_limit = {literal(config.memory_limit)}",
        f"set temp_directory = {literal(str(spill_folder(config.spill)))}",
        f"set partitioned_write_max_open_files = {OPEN_PARTITIONS}",
    ]


def load_extension(con: DuckDBPyConnection, name: str) -> None:
    """Load an extension, installing it from its wheel when this version of DuckDB has not got it yet."""
    try:
        con.load_extension(name)
    except duckdb.IOException:
        import_extension(name, con=con)
        con.load_extension(name)
