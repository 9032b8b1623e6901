"""A small project whose logic changes: staging, two marts of days and one of Mondays, as files that a test edits."""

from __future__ import annotations

import datetime as dt
import fcntl
import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.support.dbt_package import use_package
from tests.support.lake.copied import put_lake
from tests.support.parsed import beside_parsed
from tests.support.python_models import PROJECTS
from tests.support.runs.home import TemporaryHome, copied, settings_of

from tidegate.changes.plan import Planned, make_plan
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.machine.disk import write_whole
from tidegate.orchestration.instance.dagster_home import make_instance
from tidegate.settings import load_settings
from tidegate.window import Window

CONTRACTS = PROJECTS / "contracts"
# A Friday to the Tuesday after it.
DAYS = Window(dt.date(2024, 3, 1), dt.date(2024, 3, 6))
MONDAY = dt.date(2024, 3, 4)

SOURCES = """
sources:
  - name: raw
    tables:
      - name: visits
        columns:
          - {name: place, data_type: varchar}
          - {name: visitors, data_type: integer}
          - {name: _region, data_type: varchar}
          - {name: _delivered_on, data_type: date}
          - {name: _file, data_type: varchar}
          - {name: _fingerprint, data_type: varchar}
"""
STG_VISITS = """
select _delivered_on as visit_date, place, visitors
from {{ source("raw", "visits") }}
where {{ tidegate.in_window("_delivered_on") }}
"""
STG_YAML = """
models:
  - name: stg_visits
    config: {schema: staging, meta: {tidegate: {day: visit_date}}}
    columns:
      - {name: visit_date, data_type: date}
      - {name: place, data_type: varchar}
      - {name: visitors, data_type: integer}
"""
DAILY_VISITS = """
with counted as (
    select visit_date, cast(sum(visitors) as bigint) as visitors, cast(count(*) as bigint) as places
    from {{ ref("stg_visits") }}
    where {{ tidegate.in_window("visit_date") }}
    group by visit_date
)
select visit_date, visitors, places from counted
"""
DAILY_YAML = """
models:
  - name: daily_visits
    config: {group: crowds, meta: {tidegate: {day: visit_date}}}
    columns:
      - {name: visit_date, data_type: date}
      - {name: visitors, data_type: bigint}
      - {name: places, data_type: bigint}
    data_tests:
      - tidegate.expression_is_true:
          name: daily_visits_are_plausible
          arguments: {expression: visitors < 1000}
          config: {severity: error}
"""
# A macro of the project's own.
ADDED_UP = """
{% macro added_up(column) %}cast(sum({{ column }}) as bigint){% endmacro %}
"""
DAILY_PLACES = """
select visit_date, place, {{ added_up("visitors") }} as visitors
from {{ ref("stg_visits") }}
where {{ tidegate.in_window("visit_date") }}
group by visit_date, place
"""
PLACES_YAML = """
models:
  - name: daily_places
    config: {group: crowds, meta: {tidegate: {day: visit_date}}}
    columns:
      - {name: visit_date, data_type: date}
      - {name: place, data_type: varchar}
      - {name: visitors, data_type: bigint}
    data_tests:
      - tidegate.unique:
          name: daily_places_are_unique
          arguments: {columns: [visit_date, place]}
          config: {severity: error}
"""
WEEKLY_VISITS = """
select mondays.as_of_date, cast(coalesce(sum(visits.visitors), 0) as bigint) as visitors
from {{ tidegate.mondays_of_window() }} as mondays
left join {{ tidegate.published("daily_visits") }} as visits
    on visits.visit_date >= mondays.as_of_date - 7 and visits.visit_date < mondays.as_of_date
group by mondays.as_of_date
"""
WEEKLY_YAML = """
models:
  - name: weekly_visits
    config: {group: weeks, meta: {tidegate: {day: as_of_date, cadence: weekly, reaches_back_days: 7}}}
    columns:
      - {name: as_of_date, data_type: date}
      - {name: visitors, data_type: bigint}
"""
GROUPS = """
groups:
  - name: crowds
    owner: {name: Town hall, email: visits@example.com}
  - name: weeks
    owner: {name: Planners, email: weeks@example.com}
"""

# The marts, and the column that holds the day of each.
MARTS = {"daily_visits": "visit_date", "daily_places": "visit_date", "weekly_visits": "as_of_date"}

# What a file's text is, by its name as it is from the folder of models.
Files = Mapping[str, str | None]

PROJECT: Files = {
    "sources.yml": SOURCES,
    "groups.yml": GROUPS,
    "stg_visits.sql": STG_VISITS,
    "stg_visits.yml": STG_YAML,
    "../macros/added_up.sql": ADDED_UP,
    "daily_visits.sql": DAILY_VISITS,
    "daily_visits.yml": DAILY_YAML,
    "daily_places.sql": DAILY_PLACES,
    "daily_places.yml": PLACES_YAML,
    "weekly_visits.sql": WEEKLY_VISITS,
    "weekly_visits.yml": WEEKLY_YAML,
}

# Changes of it.
NO_PLACES: Files = {
    "daily_visits.sql": DAILY_VISITS.replace("visitors, places from", "visitors from"),
    "daily_visits.yml": DAILY_YAML.replace("      - {name: places, data_type: bigint}\n", ""),
}
ALL_DOUBLED: Files = {"stg_visits.sql": STG_VISITS.replace("place, visitors", "place, 2 * visitors as visitors")}


def write_project(folder: Path, changed: Files | None = None) -> Path:
    """The project, with some of its files changed, or without those that are None."""
    if not folder.exists():
        shutil.copytree(PROJECTS / "minimal", folder, ignore=shutil.ignore_patterns("models"))
        use_package(folder)
        (folder / "models").mkdir()
    for name, text in {**PROJECT, **(changed or {})}.items():
        file = folder / "models" / name
        if text is None:
            file.unlink(missing_ok=True)
        else:
            file.write_text(text)
    return folder


def new_crowd(
    folder: Path, changed: Files | None = None, contracts: Path = CONTRACTS, **overrides: object
) -> TemporaryHome:
    """A home of the project, with nothing in it."""
    return _new_home(folder, write_project(folder / "project", changed), contracts, **overrides)


def _new_home(folder: Path, project: Path, contracts: Path, **overrides: object) -> TemporaryHome:
    places: dict[str, object] = {"contracts": contracts, "dbt_project": project}
    settings = settings_of(folder / "home", start_date=DAYS.start, **places, **overrides)
    settings.scratch.mkdir(parents=True)
    put_lake(LakeConfig.of(settings))
    return TemporaryHome(settings)


def filled_crowd(folder: Path, changed: Files | None = None, contracts: Path = CONTRACTS) -> TemporaryHome:
    """`fill(new_crowd(...))`: a copy of what was made once of the same project and contracts."""
    project = write_project(folder / "project", changed)
    made = _made_once(_texts_in(project), _texts_in(contracts))
    settings = settings_of(folder / "home", contracts=contracts, dbt_project=project, start_date=DAYS.start)
    copy = copied(made, settings)
    shutil.copytree(made.settings.dagster_home, settings.dagster_home, ignore=shutil.ignore_patterns("dagster.yaml"))
    make_instance(settings)
    return copy


def like(home: TemporaryHome, folder: Path) -> TemporaryHome:
    """Another home with what this one holds, and contracts of its own. Its instance knows no runs."""
    shutil.copytree(home.settings.contracts, folder / "contracts")
    settings = settings_of(
        folder / "home",
        contracts=folder / "contracts",
        dbt_project=write_project(folder / "project"),
        start_date=home.settings.start_date,
    )
    return copied(home, settings)


# The content of each file of a folder, by its path in it.
Texts = tuple[tuple[str, bytes], ...]


def _texts_in(folder: Path) -> Texts:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return tuple((str(path.relative_to(folder)), path.read_bytes()) for path in files)


def _made_once(project: Texts, contracts: Texts) -> TemporaryHome:
    """The home of these, filled by whichever of pytest's workers needs it first, and closed; the others wait for it."""
    folder = beside_parsed("crowds") / hashlib.sha256(repr((project, contracts)).encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = folder / "home.json"
        if not made.exists():
            home = _make(Path(tempfile.mkdtemp(dir=folder)), project, contracts)
            write_whole(made, home.settings.model_dump_json())
        return TemporaryHome(load_settings(**json.loads(made.read_text())))


def _make(folder: Path, project: Texts, contracts: Texts) -> TemporaryHome:
    for name, texts in (("project", project), ("contracts", contracts)):
        for path, content in texts:
            file = folder / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    # The package is a link, which is no file of the project's.
    home = fill(_new_home(folder, use_package(folder / "project"), folder / "contracts"))
    home.close()
    return home


def with_project(home: TemporaryHome, changed: Files | None = None) -> TemporaryHome:
    """The same home once its project is another."""
    home.close()
    write_project(home.settings.dbt_project, changed)
    return TemporaryHome(home.settings)


def plan(home: TemporaryHome, days: Window | None = None) -> Planned:
    """What the project has now is planned, and there is something to plan."""
    planned = make_plan(home.home, days)
    assert planned is not None
    return planned


def deliver(home: TemporaryHome, day: dt.date, visitors: int, source: str = "visits") -> None:
    folder = Path(home.settings.landing) / source / str(day)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "visits.csv").write_text(f"place,visitors\nBergen,{visitors}\nLund,1\n")
    (folder / "_SUCCESS").touch()


# What all consumers see at one moment: a text for each mart.
Shown = tuple[tuple[str, str], ...]


def shown(lake: Lake) -> Shown:
    """All marts, read in one transaction, a statement each."""
    with lake.one_moment() as con:
        return tuple(
            (mart, str(con.execute(f"select {day}, visitors from serving.{mart} order by all").fetchall()))
            for mart, day in MARTS.items()
        )


def fill(home: TemporaryHome) -> TemporaryHome:
    """All days delivered, and published with the Monday."""
    for number, day in enumerate(DAYS.days):
        deliver(home, day, 10 + number)
    assert all(outcome.succeeded for outcome in home.backfill(DAYS))
    return home
