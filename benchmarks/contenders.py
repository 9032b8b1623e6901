"""The contenders: what each runs for a window of days, and where what it published is. Measuring does not belong here."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from benchmarks.cases import SET_UP_DAY
from benchmarks.processes import BIN, Command
from benchmarks.project import begin_project, settings_of
from benchmarks.published import Published, in_file, in_lake
from benchmarks.sqlmesh_project import COMPILED_WINDOW
from tidegate.settings import CHECKOUT
from tidegate.transform.package import link_package
from tidegate.window import ONE_DAY, Cadence, Window

# What is compared is loading these two; no contender has payments.
SOURCES = ("orders", "customers")

# Marts of mornings, Mondays and months are made of published days, which a plain file does not have.
OF_PUBLISHED_DAYS = [f"config.meta.tidegate.cadence:{cadence}+" for cadence in Cadence if cadence is not Cadence.daily]

# Each works in its own folder, so that no `.env` of the checkout is read.
ON_PATH = {"PYTHONPATH": str(CHECKOUT)}


@dataclass(frozen=True)
class Site:
    """Where a contender works: a folder of its own, and the landing that all share."""

    folder: Path
    landing: Path

    @property
    def database(self) -> Path:
        return self.folder / "plain.duckdb"

    @property
    def dbt_project(self) -> Path:
        return self.folder / "dbt_project"

    @property
    def sqlmesh_project(self) -> Path:
        return self.folder / "sqlmesh_project"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def took(self) -> Path:
        return self.folder / "took.json"


@dataclass(frozen=True)
class Contender:
    """`set_up` is what one does once, before the first day; `commands` process a window; `published` reads the result.

    A contender that is `timed_inside` writes what it took into the site's `took`. One that `needs` a command which the project does not
    install takes part where that is on PATH.
    """

    set_up: Callable[[Site], list[Command]]
    commands: Callable[[Site, Window], list[Command]]
    published: Callable[[Site], Published]
    timed_inside: bool = False
    needs: str | None = None

    @property
    def takes_part(self) -> bool:
        return self.needs is None or shutil.which(self.needs) is not None


# --- plain Python and DuckDB


def _nothing(site: Site) -> list[Command]:
    return []


def _limit(site: Site, window: Window) -> list[Command]:
    return [_script("limit", site, window)]


def _script(name: str, site: Site, window: Window) -> Command:
    places = ["--landing", str(site.landing), "--database", str(site.database)]
    return _module(site, name, [*places, *_days(window)])


def _module(site: Site, name: str, arguments: list[str], env: Mapping[str, str] = MappingProxyType({})) -> Command:
    return Command([sys.executable, "-m", f"benchmarks.{name}", *arguments], {**ON_PATH, **env}, site.folder)


def _days(window: Window) -> list[str]:
    return ["--from", str(window.start), "--to", str(window.end - ONE_DAY)]


def _published_in_serving(site: Site) -> Published:
    return in_file(site.database, "serving")


# --- a loader script and the dbt command line


def _copy_project(site: Site) -> list[Command]:
    shutil.copytree(CHECKOUT / "dbt_project", site.dbt_project, ignore=shutil.ignore_patterns("target", "logs"))
    link_package(site.dbt_project)
    return []


def _dbt(site: Site, window: Window) -> list[Command]:
    # As in production: unit tests need no data, so they are for whoever changes a model.
    build = ["build", "--exclude-resource-type", "unit_test", *_daily(window)]
    return [_script("load", site, window), _dbt_command(site, build)]


def _daily(window: Window) -> list[str]:
    return ["--exclude", *OF_PUBLISHED_DAYS, "--vars", _dbt_vars(window)]


def _dbt_command(site: Site, arguments: list[str]) -> Command:
    env = {"TIDEGATE_PLAIN_FILE": str(site.database)}
    return Command([str(BIN / "dbt"), *arguments, "--target", "plain"], env, site.dbt_project)


def _dbt_vars(window: Window) -> str:
    # Late as the contracts of the cases allow.
    late = {"orders": 7, "payments": 7}
    return json.dumps({"window_start": str(window.start), "window_end": str(window.end), "allowed_lateness_days": late})


def _published_in_marts(site: Site) -> Published:
    return in_file(site.database, "marts")


# --- a loader script and the SQLMesh command line


def _prepare_sqlmesh(site: Site) -> list[Command]:
    _copy_project(site)
    manifest = site.dbt_project / "target" / "manifest.json"
    places = ["--manifest", str(manifest), "--database", str(site.database), "--folder", str(site.sqlmesh_project)]
    return [
        _dbt_command(site, ["compile", *_daily(COMPILED_WINDOW)]),
        _module(site, "sqlmesh_project", [*places, "--from", str(SET_UP_DAY)]),
        # As if made on the first day, which is not over: it creates the tables and the views, and leaves the days to `run`.
        _sqlmesh_command(site, "plan", "--auto-apply", "--no-prompts", "--execution-time", str(SET_UP_DAY)),
    ]


def _sqlmesh(site: Site, window: Window) -> list[Command]:
    days = ["--start", str(window.start), "--end", str(window.end - ONE_DAY)]
    return [_script("load", site, window), _sqlmesh_command(site, "run", *days)]


def _sqlmesh_command(site: Site, *arguments: str) -> Command:
    return Command(["sqlmesh", "--paths", str(site.sqlmesh_project), *arguments], {}, site.folder)


# --- Dagster as its documentation wires it


def _prepare_dagster(site: Site) -> list[Command]:
    _copy_project(site)
    site.home.mkdir()
    (site.home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    return [_dbt_command(site, ["parse"])]


def _standard(site: Site, window: Window) -> list[Command]:
    env = {
        **ON_PATH,
        "DAGSTER_HOME": str(site.home),
        "BENCHMARK_LANDING": str(site.landing),
        "BENCHMARK_DBT_PROJECT": str(site.dbt_project),
        "TIDEGATE_PLAIN_FILE": str(site.database),
    }
    job = ["job", "execute", "-m", "benchmarks.standard", "-j", "daily", "--tags", json.dumps(_partition_tags(window))]
    return [Command([str(BIN / "dagster"), *job], env, site.folder)]


def _partition_tags(window: Window) -> dict[str, str]:
    first, last = str(window.start), str(window.end - ONE_DAY)
    if first == last:
        return {"dagster/partition": first}
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}


# --- Tidegate


def _init(site: Site) -> list[Command]:
    begin_project(site.folder)
    for source in SOURCES:
        shutil.copy(CHECKOUT / "contracts" / f"{source}.odcs.yaml", site.folder / "contracts")
    return [_tidegate_command(site, "init")]


def _tidegate(site: Site, window: Window) -> list[Command]:
    if len(window.days) == 1:
        return [_tidegate_command(site, "run", "--partition", str(window.start))]
    return [_tidegate_command(site, "backfill", *_days(window))]


def _tidegate_command(site: Site, *arguments: str) -> Command:
    return Command([str(BIN / "tidegate"), *arguments], settings_of(site.folder, site.landing), site.folder)


def _warm(site: Site, window: Window) -> list[Command]:
    arguments = ["--partition", str(window.start), "--took", str(site.took)]
    return [_module(site, "warm", arguments, settings_of(site.folder, site.landing))]


def _published_in_lake(site: Site) -> Published:
    return in_lake(site.home)


CONTENDERS = {
    "limit": Contender(_nothing, _limit, _published_in_serving),
    "dbt": Contender(_copy_project, _dbt, _published_in_marts),
    "sqlmesh": Contender(_prepare_sqlmesh, _sqlmesh, _published_in_marts, needs="sqlmesh"),
    "standard": Contender(_prepare_dagster, _standard, _published_in_marts),
    "tidegate": Contender(_init, _tidegate, _published_in_lake),
    "warm": Contender(_init, _warm, _published_in_lake, timed_inside=True),
}
