"""Every setting, each an environment variable with a default.

Reading the environment and the project's `.env` happens here and nowhere else. docs/settings.md is made of the class
below, by `explain.settings`.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from tidegate.addresses import holds_secret
from tidegate.deployment import queues_of, refuse_unshared
from tidegate.machine.overlaps import refuse_overlaps
from tidegate.project import VARIABLE, no_project, project_at, working_directory
from tidegate.zones import Zone

# platform/tidegate/settings.py → the checkout of Tidegate's source, for what makes its documentation and its tests.
CHECKOUT = Path(__file__).resolve().parents[2]

# What a project has, by the name of the setting, where that says nothing else.
OF_THE_PROJECT = {
    "home": Path(".tidegate"),
    "contracts": Path("contracts"),
    "dbt_project": Path("dbt_project"),
    "alerting": Path("alerting.yml"),
    "defs": Path("python", "definitions.py"),
}

# Without a project, these have to be given.
_NEEDED = ("home", "contracts", "dbt_project")

# Where a lake is.
_OF_THE_LAKE = frozenset({"lake_catalog", "lake_data"})

# Text that may be a path; one in `.env` is relative to that file.
_PLACES = ("landing", "archive", "outputs", "backups", "lake_data", "parsed")


# `sc://spark:15002/;use_ssl=true`. A token would show wherever settings do.
SPARK_CONNECT = re.compile(
    r"sc://(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:/(?:;(?!token=)\w+=[\w.-]*)*)?", re.ASCII
)


def _default_threads() -> int:
    return os.cpu_count() or 1


class Settings(BaseSettings):
    """Settings of one Tidegate home. Field `x` is the environment variable `TIDEGATE_X`."""

    model_config = SettingsConfigDict(
        env_prefix="TIDEGATE_", env_file=".env", extra="ignore", frozen=True, validate_default=True
    )

    project: Path = Field(
        Path(),
        description="Folder of the project. Default: the working directory, or the nearest folder above it that has "
        "`workspace.yaml` and `contracts`.",
    )
    home: Path = Field(OF_THE_PROJECT["home"], description="Where all state lives, Dagster's included.")
    landing: str = Field(
        "",
        description="Folder, or `s3://`, `gs://`, `az://` or `sftp://` URL, that deliveries arrive in. Default: in the "
        "home.",
    )
    archive: str = Field(
        "", description="Folder, or `s3://`, `gs://` or `az://` URL, of the archive. Default: in the home."
    )
    outputs: str = Field("", description="Folder or `s3://` URL that exports and pages go to. Default: in the home.")
    backups: str = Field(
        "",
        description="Folder, or `s3://`, `gs://` or `az://` URL, that backups go to. Default: in the home; a place on "
        "another disk is safer. See [backups](backups.md).",
    )
    contracts: Path = Field(OF_THE_PROJECT["contracts"], description="Folder of the sources' ODCS contracts.")
    dbt_project: Path = Field(OF_THE_PROJECT["dbt_project"], description="Folder of the dbt project.")
    parsed: str = Field(
        "",
        description="Folder where states of the dbt project are kept as parsed and compiled. Homes of one user may "
        "share it; whoever writes there can run code in them. Default: in the home.",
    )
    defs: Path = Field(
        OF_THE_PROJECT["defs"],
        description="File with assets, sensors, schedules, jobs and resources of your own. Default: `definitions.py` "
        "in the project's folder `python`.",
    )
    alerting: Path = Field(
        OF_THE_PROJECT["alerting"],
        description="File that says who is told when something is wrong; without it nobody is. See "
        "[on call](on-call.md).",
    )
    start_date: dt.date = Field(
        dt.date(2024, 1, 1),
        description="First daily partition. A home of the demo has the first day of its shop, in its file `first_day`.",
    )
    timezone: str = Field(
        "UTC",
        description="Time zone of days, deadlines and schedules, by its IANA name, such as `Europe/Berlin`. A lake "
        "with data keeps the one it was filled in; see [time zones](operating.md#time-zones).",
    )
    lake_catalog: str = Field(
        "",
        description="DuckLake catalog: `sqlite:<file>` or `postgres:<libpq settings>`; a password belongs in "
        "`PGPASSWORD` or a pgpass file. Default: a SQLite file in the home.",
    )
    lake_data: str = Field("", description="Folder or `s3://` URL of the lake's data. Default: in the home.")
    chunk_days: int = Field(31, ge=1, description="Partitions per run in a backfill.")
    threads: int = Field(
        default_factory=_default_threads, ge=1, description="DuckDB threads per process. Default: one per core."
    )
    memory_limit: str = Field("2500MB", description="DuckDB memory per connection; beyond it, work spills to disk.")
    lake_patience: float = Field(
        120.0, gt=0, description="Seconds to wait for another writer of the same partition before giving up."
    )
    snapshot_days: int = Field(30, ge=0, description="Days of lake snapshots that maintenance keeps.")
    run_days: int = Field(
        90,
        ge=1,
        description="Days that Dagster's record of a finished run is kept by maintenance; how each partition stands is "
        "kept for `TIDEGATE_EVENT_DAYS`. See [what grows](operating.md#what-grows).",
    )
    event_days: int = Field(
        1100,
        ge=1,
        le=100_000,
        description="Days after which Dagster's UI shows a partition as not made, where nothing was recorded of it "
        "since. The ledger knows it for ever.",
    )
    export_days: int = Field(
        7,
        ge=1,
        description="Days that an export stays after a newer one took its place; the newest stays however old it is.",
    )
    csv_defuse_formulas: bool = Field(
        False,
        description="Whether CSV exports have a `'` before a text that begins as a formula does; see "
        "[exports](exports.md).",
    )
    unattended: bool = Field(
        True, description="Whether sensors and schedules run as soon as the daemon does; the UI can switch each."
    )
    tick_seconds: int = Field(30, ge=1, description="Seconds between two looks of a sensor.")
    look_back_days: int = Field(
        7,
        ge=1,
        description="Newest ended days for which every source is expected to deliver: servers are asked for them, and "
        "what is missing past its deadline is reported. Older days are expected once anything of them was delivered.",
    )
    catch_up_days: int = Field(
        7,
        ge=0,
        description="Earlier unpublished days that the daily schedule runs at most, besides the one that ended.",
    )
    breaker_failures: int = Field(3, ge=1, description="Failures of a source in a row that open its breaker.")
    breaker_pause_seconds: int = Field(
        300, ge=1, description="Pause of an open breaker before its first probe; doubled by each probe that fails."
    )
    breaker_longest_pause_seconds: int = Field(14400, ge=1, description="Longest pause of an open breaker.")
    openlineage: str = Field(
        "",
        description="URL of a receiver of OpenLineage that is told of every run; without it nobody is. Its key is read "
        "from `OPENLINEAGE_API_KEY`. See [provenance](provenance.md#in-a-catalogue-of-data).",
    )
    openlineage_namespace: str = Field("tidegate", description="The namespace that jobs have there.")
    ui_hosts: str = Field(
        "",
        description="Names besides `localhost` and `127.0.0.1` that the UI of `make dev` answers to, by comma.",
    )
    run_limit_minutes: int = Field(240, ge=1, description="Time after which a run is ended as failed.")

    deployment: Literal["local", "celery", "kubernetes"] = Field(
        "local",
        description="Where runs run: `local`, on this machine; `celery`, on worker machines; `kubernetes`, in a pod "
        "each. See [many machines](many-machines.md).",
    )
    dagster_database: str = Field(
        "",
        description="PostgreSQL database of Dagster's record, as `postgres:<libpq settings>`, where machines share it; "
        "a password belongs in `PGPASSWORD` or a pgpass file.",
    )
    step_logs: str = Field(
        "", description="`s3://` URL that the output of steps goes to, where machines share Dagster's record."
    )
    code_server: str = Field(
        "", description="`<host>:<port>` of the code server, where machines share Dagster's record."
    )
    workers: int = Field(
        1,
        ge=1,
        le=1000,
        description="Runs at once of a deployment to many machines: all children of its workers together, or its pods. "
        "Pools of the lake and of S3 follow it.",
    )
    queues: str = Field(
        "",
        description="Queues besides `dagster` that a source or product may name, each with how many of these take runs "
        "from it, as `large=2,gpu=1`.",
    )

    spark: str = Field(
        "",
        description="Spark Connect's address, `sc://<host>:<port>`, for models with the engine `spark`; without it, "
        "they are built on this machine. A token is read from `SPARK_CONNECT_AUTHENTICATE_TOKEN`. See "
        "[Spark](spark.md).",
    )

    run_launcher: Literal["forked", "default"] = Field(
        "forked",
        description="How the daemon starts runs: `forked`, from a process that has imported everything already, or "
        "`default`, as Dagster does.",
    )

    @field_validator("project", *OF_THE_PROJECT)
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return path.expanduser().absolute()

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        return Zone(name).name

    @field_validator("spark")
    @classmethod
    def _spark_connect(cls, address: str) -> str:
        if address and not SPARK_CONNECT.fullmatch(address):
            raise ValueError(
                "must be `sc://<host>:<port>`, with options behind `/;` and no token in it (it is read from "
                "SPARK_CONNECT_AUTHENTICATE_TOKEN)"
            )
        return address

    @field_validator("landing", "archive", "outputs", "backups", "lake_data", "step_logs", "openlineage")
    @classmethod
    def _without_secret(cls, place: str) -> str:
        if "://" in place and holds_secret(place):
            raise ValueError("holds a user, a password or a token; credentials are found where AWS tools look for them")
        return place

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = dotenv_settings.env_file if isinstance(dotenv_settings, DotEnvSettingsSource) else None
        return init_settings, env_settings, _OfProject(settings_cls, env_file=file)

    @model_validator(mode="after")
    def _fill_locations(self) -> Self:
        for name, path in OF_THE_PROJECT.items():
            if name not in self.model_fields_set:
                object.__setattr__(self, name, self.project / path)
        for name, value in _places_in(self.home).items():
            if not getattr(self, name):
                # The model is frozen for its users; this is still its construction.
                object.__setattr__(self, name, value)
        if "start_date" not in self.model_fields_set and (first := self._first_day_of_home()):
            object.__setattr__(self, "start_date", first)
        self._refuse_overlaps()
        try:
            queues_of(self.queues, self.workers)
        except ValueError as error:
            raise ValueError(f"TIDEGATE_QUEUES {error}") from None
        if self.is_shared:
            refuse_unshared(self.model_dump())
        return self

    def _refuse_overlaps(self) -> None:
        names = ("landing", "archive", "outputs", "backups", "lake_data")
        written = {f"TIDEGATE_{name.upper()}": getattr(self, name) for name in names}
        kind, _, file = self.lake_catalog.partition(":")
        read = {"TIDEGATE_CONTRACTS": str(self.contracts), "TIDEGATE_DBT_PROJECT": str(self.dbt_project)}
        refuse_overlaps(
            {
                **written,
                "the home's Dagster folder": str(self.dagster_home),
                "the home's scratch folder": str(self.scratch),
            },
            {**read, **({"TIDEGATE_LAKE_CATALOG": file} if kind == "sqlite" else {})},
        )

    def at(self, home: Path, **overrides: object) -> Settings:
        """These settings for another home, with all places in it that are not given."""
        its_own: dict[str, object] = {**dict.fromkeys(_places_in(home), ""), "deployment": "local", "home": home}
        return load_settings(**{**self.model_dump(), **its_own, **overrides})

    @property
    def has_first_day(self) -> bool:
        """Whether anybody said which day is the first, be it the environment, the project or the home."""
        return "start_date" in self.model_fields_set or self._first_day_of_home() is not None

    def _first_day_of_home(self) -> dt.date | None:
        """The first day that this home was made for, where that was written down."""
        try:
            text = first_day_file(self.home).read_text(encoding="utf-8").strip()
        except OSError:
            return None
        try:
            return dt.date.fromisoformat(text)
        except ValueError:
            raise ValueError(
                f"{first_day_file(self.home)} is to hold the first day of this home, as 2024-01-31, and holds {text!r}"
            ) from None

    @property
    def is_shared(self) -> bool:
        """Whether several machines share Dagster's record and the lake, so that a queue says which runs what."""
        return self.deployment != "local"

    @property
    def code_server_address(self) -> tuple[str, int]:
        host, _, port = self.code_server.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def zone(self) -> Zone:
        return Zone(self.timezone)

    @property
    def dagster_home(self) -> Path:
        return self.home / "dagster"

    @property
    def scratch(self) -> Path:
        """Where DuckDB spills and dbt keeps its target; safe to delete at any time nothing runs."""
        return self.home / "scratch"

    @property
    def parsed_projects(self) -> Path:
        """Where dbt projects are kept as parsed and compiled; safe to delete likewise."""
        return Path(self.parsed).expanduser().absolute() if self.parsed else self.scratch / "dbt"


def _places_in(home: Path) -> dict[str, str]:
    """Where what a home has lies, by the name of the setting, where that says nothing else."""
    return {
        "landing": str(home / "landing"),
        "archive": str(home / "archive"),
        "outputs": str(home / "outputs"),
        "backups": str(home / "backups"),
        "lake_catalog": f"sqlite:{home / 'lake' / 'catalog.sqlite'}",
        "lake_data": str(home / "lake" / "data"),
    }


class _OfProject(DotEnvSettingsSource):
    """`.env` of the project. Paths in it are relative to it, wherever below the project a command is typed."""

    def __call__(self) -> dict[str, Any]:
        given = super().__call__()
        if not isinstance(self.env_file, Path):
            return given
        return {name: _below(self.env_file.parent, name, value) for name, value in given.items()}


def _below(folder: Path, name: str, value: Any) -> Any:
    if name == "lake_catalog" and str(value).startswith("sqlite:"):
        return "sqlite:" + str(folder / str(value).removeprefix("sqlite:"))
    is_path = name in OF_THE_PROJECT or (name in _PLACES and value and "://" not in str(value))
    return str(folder / Path(str(value)).expanduser()) if is_path else value


def first_day_file(home: Path) -> Path:
    return home / "first_day"


def remember_first_day(settings: Settings, day: dt.date) -> None:
    """Have every process of this home begin with the day, where its environment says nothing else."""
    settings.home.mkdir(parents=True, exist_ok=True)
    first_day_file(settings.home).write_text(f"{day}\n", encoding="utf-8")


def load_settings(**overrides: object) -> Settings:
    """The settings of this process's environment and project, with `overrides` by field name.

    Raises TidegateError outside of a project, where not all that a project has is given.
    """
    here = working_directory()
    project = Path(str(overrides["project"])) if "project" in overrides else project_at(os.environ.get(VARIABLE), here)
    file = (project or here) / ".env"
    if project is None:
        given = _given_without_project(here, overrides)
        if not given.keys() >= set(_NEEDED):
            raise no_project(here)
        project = Path(str(given["dbt_project"])).parent
    return Settings(**{"project": project, "_env_file": file, **overrides})  # type: ignore[arg-type]


def settings_of_a_reader() -> Settings:
    """The settings by which somebody reads a lake and nothing else, for which it is enough that the environment says
    where the lake is. Raises TidegateError where neither it nor a project does."""
    here = working_directory()
    if project_at(os.environ.get(VARIABLE), here) or not _given_without_project(here, {}).keys() >= _OF_THE_LAKE:
        return load_settings()
    # What is too large for memory is spilled there.
    place = Path(tempfile.gettempdir(), f"tidegate-{os.getuid()}")
    return load_settings(**{name: place / path for name, path in OF_THE_PROJECT.items()})


def _given_without_project(here: Path, overrides: Mapping[str, object]) -> dict[str, Any]:
    """Only what is given: nothing is filled in from a project before it is known that one is not needed."""
    return Settings(_env_file=here / ".env", **overrides).model_dump(exclude_unset=True)  # type: ignore[arg-type]
