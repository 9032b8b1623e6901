"""A source that is added in the middle of history closes no day before it, and holds nothing of what is published."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.dbt_package import use_package
from tests.support.lake.copied import put_lake
from tests.support.runs.home import TemporaryHome, settings_of

from tidegate.cli.read_status import read_status
from tidegate.lake.config import LakeConfig
from tidegate.publishing.due.partitions import due_for_any
from tidegate.window import Cadence, Window

pytestmark = pytest.mark.slow

PROJECTS = Path(__file__).parents[1] / "support" / "runs" / "projects"

# What was published before the weather came.
HISTORY = Window(dt.date(2024, 3, 1), dt.date(2024, 3, 9))
ADDED = HISTORY.end
NEXT = dt.date(2024, 3, 10)
OLD = dt.date(2024, 3, 4)

FIRST_DAY = f"slaProperties: [{{property: generalAvailability, value: '{ADDED}'}}]\n"

STAGED = """\
select
    _delivered_on as weather_date,
    max(degrees) as degrees
from {{ source("raw", "weather") }}
where {{ tidegate.in_window("_delivered_on") }}
group by _delivered_on
"""

VISITS = """\
select
    visits._delivered_on as visit_date,
    cast(sum(visits.visitors) as bigint) as visitors,
    max(weather.degrees) as degrees
from {{ source("raw", "visits") }} as visits
left join {{ ref("stg_weather") }} as weather
    on visits._delivered_on = weather.weather_date
where {{ tidegate.in_window("visits._delivered_on") }}
group by visits._delivered_on
"""

YAML_OF_WEATHER = """\
      - name: weather
        columns:
          - {name: place, data_type: varchar}
          - {name: degrees, data_type: integer}
          - {name: _region, data_type: varchar}
          - {name: _delivered_on, data_type: date}
          - {name: _file, data_type: varchar}
          - {name: _fingerprint, data_type: varchar}
models:
  - name: stg_weather
    config: {schema: staging, meta: {tidegate: {day: weather_date}}}
    columns:
      - {name: weather_date, data_type: date}
      - {name: degrees, data_type: integer}
    data_tests:
      - tidegate.not_null: {name: stg_weather_is_complete, arguments: {column_name: degrees}, config: {severity: error}}
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[TemporaryHome]:
    """A home whose history is made of visits alone."""
    folder = tmp_path / "project"
    shutil.copytree(PROJECTS / "minimal", folder)
    shutil.copytree(PROJECTS / "contracts", folder / "contracts")
    use_package(folder)
    settings = settings_of(tmp_path / "home", contracts=folder / "contracts", dbt_project=folder)
    settings.scratch.mkdir(parents=True)
    put_lake(LakeConfig.of(settings))
    home = TemporaryHome(settings)
    for day in HISTORY.days:
        deliver(home, "visits", day, 10)
    assert [outcome.published for outcome in home.backfill(HISTORY)] == [tuple(HISTORY.days)]
    home.close()
    yield home
    home.close()


def deliver(home: TemporaryHome, source: str, day: dt.date, figure: int) -> None:
    folder = Path(home.settings.landing) / source / str(day)
    folder.mkdir(parents=True, exist_ok=True)
    column = {"visits": "visitors", "weather": "degrees"}[source]
    (folder / "data.csv").write_text(f"place,{column}\nBergen,{figure}\n")
    (folder / "_SUCCESS").touch()


def add_weather(home: TemporaryHome, extra: str) -> None:
    """A contract for it, a staging model with a test that may hold a day, and a mart that reads it."""
    folder = home.settings.dbt_project
    contract = (PROJECTS / "two_products" / "contracts" / "weather.odcs.yaml").read_text()
    (folder / "contracts" / "weather.odcs.yaml").write_text(contract + extra)
    models = folder / "models"
    (models / "stg_weather.sql").write_text(STAGED)
    (models / "daily_visits.sql").write_text(VISITS)
    written = (models / "models.yml").read_text().replace("models:\n", YAML_OF_WEATHER)
    (models / "models.yml").write_text(written + "      - {name: degrees, data_type: integer}\n")


def served(home: TemporaryHome) -> list[tuple[object, ...]]:
    return home.query("select visit_date, visitors, degrees from serving.daily_visits order by visit_date")


def closed(home: TemporaryHome) -> set[dt.date]:
    """The days that are held or have something to be done."""
    status = read_status(home.home)
    with home.home.lake() as lake:
        due = due_for_any(lake.con, home.home.products_of(Cadence.daily))
    return {*status.held, *status.stale_days, *(each.day for each in due)}


@pytest.mark.parametrize("extra", ["", FIRST_DAY], ids=["without a first day", "with its first day"])
def test_a_source_that_is_added_closes_no_earlier_day(home: TemporaryHome, extra: str) -> None:
    add_weather(home, extra)
    assert closed(home) == set()

    # The days from then on wait for it.
    deliver(home, "visits", ADDED, 10)
    deliver(home, "weather", ADDED, 3)
    deliver(home, "visits", NEXT, 10)
    (of_added,) = home.run(ADDED)
    assert of_added.published == (ADDED,)
    (of_next,) = home.run(NEXT)
    assert "weather/shop 2024-03-10" in of_next.held[NEXT][0]
    deliver(home, "weather", NEXT, 4)
    (of_next,) = home.run(NEXT)
    assert of_next.published == (NEXT,)

    # An old day that is delivered again is published, without it.
    deliver(home, "visits", OLD, 12)
    (of_old,) = home.run(OLD)
    assert (of_old.published, of_old.held) == ((OLD,), {})
    before = [(day, 12 if day == OLD else 10, None) for day in HISTORY.days]
    assert served(home) == [*before, (ADDED, 10, 3), (NEXT, 10, 4)]
    assert closed(home) == set()

    # One that it delivers after all is published with it.
    deliver(home, "weather", OLD, 5)
    (of_old,) = home.run(OLD)
    assert (of_old.published, served(home)[OLD.day - 1]) == ((OLD,), (OLD, 12, 5))
    assert closed(home) == set()
