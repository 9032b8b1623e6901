"""What a home lost is found, and made again from the archive: the same content, whatever was lost."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.parsed import EVERY_CADENCE
from tests.support.runs.home import FIRST_DAY, NewHome, TemporaryHome

from tidegate.errors import TidegateError
from tidegate.home import Home
from tidegate.machine.sqlite_copy import copy_sqlite
from tidegate.orchestration.repairing import damage_of, make_again, repair
from tidegate.window import ONE_DAY, Window

DAYS = Window(FIRST_DAY, FIRST_DAY + 3 * ONE_DAY)
NOW = dt.datetime.now(dt.UTC) + ONE_DAY


def filled(new_home: NewHome) -> TemporaryHome:
    """A home whose days are published, and that only the archive could make again: landing is empty."""
    home = new_home()
    for number, day in enumerate(DAYS.days):
        home.landing.day(day, unit_price=f"{number + 1}.0000", lines=30)
    # It was rejected, so what counts of the day is what came before.
    home.backfill(DAYS)
    home.landing.spoil(DAYS.last, "north")
    home.run(DAYS.last)
    shutil.rmtree(home.settings.landing)
    return home


@pytest.fixture(scope="module")
def published(new_module_home: NewHome) -> TemporaryHome:
    """A home whose days are published, to be copied. In serving, only a mart of mornings is large enough for files."""
    home = new_module_home(**EVERY_CADENCE)
    for day in DAYS.days:
        home.landing.day(day, lines=30)
    home.backfill(DAYS)
    home.close()
    return home


def catalog_of(home: TemporaryHome) -> Path:
    catalog = home.home.lake_config.catalog_file
    assert catalog is not None
    return catalog


def repaired(home: TemporaryHome) -> None:
    outcomes = list(repair(home.home, NOW))
    assert all(outcome.succeeded for outcome in outcomes if outcome.window.start != DAYS.last)
    assert damage_of(home.home, NOW).sentences == []
    assert list(repair(home.home, NOW)) == []


@pytest.mark.slow
def test_a_lake_is_made_again_from_the_archive_alone(new_home: NewHome) -> None:
    home = filled(new_home)
    before = home.contents()
    with pytest.raises(TidegateError, match="There is a lake at"):
        make_again(home.settings, NOW)
    home.close()
    for path in catalog_of(home).parent.glob("catalog.sqlite*"):
        path.unlink()
    shutil.rmtree(home.settings.dagster_home)
    data = Path(home.settings.lake_data)
    lost = sorted(path.relative_to(data) for path in data.rglob("*"))

    aside = make_again(home.settings, NOW)
    assert aside is not None
    assert sorted(path.relative_to(aside) for path in aside.rglob("*")) == lost
    found = damage_of(home.home, NOW)
    assert {(each.source, each.region) for each in found.not_loaded} == {
        ("orders", "north"), ("orders", "south"), ("customers", "crm"),
    }  # fmt: skip
    assert found.days_to_load == list(DAYS.days)
    list(repair(home.home, NOW))
    after = home.contents()
    # Of a rejected delivery that a good one came before, the archive alone loads the good one, and quarantine is empty.
    assert {key: value for key, value in after.items() if key[0] != "quarantine"} == {
        key: value for key, value in before.items() if key[0] != "quarantine"
    }
    assert damage_of(home.home, NOW).sentences == []


@pytest.mark.slow
def test_what_came_after_an_older_catalog_is_loaded_again(new_home: NewHome, tmp_path: Path) -> None:
    home = new_home()
    for day in DAYS.days:
        home.landing.day(day, lines=30)
    home.run(DAYS.start)
    home.close()
    copy = tmp_path / "copy.sqlite"
    assert copy_sqlite(catalog_of(home), copy) == []
    home.backfill(DAYS)
    before = home.contents()
    home.close()
    for path in catalog_of(home).parent.glob("catalog.sqlite*"):
        path.unlink()
    shutil.copyfile(copy, catalog_of(home))
    shutil.rmtree(home.settings.landing)

    found = damage_of(home.home, NOW)
    assert found.days_to_load == list(DAYS.days[1:])
    assert found.unnamed > 0
    repaired(home)
    assert home.contents() == before


def lose_one(folder: Path) -> None:
    sorted(folder.rglob("*.parquet"))[0].unlink()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("schema", "lose"),
    [("raw", lose_one), ("raw", shutil.rmtree), ("staging", shutil.rmtree), ("serving", lose_one)],
)
def test_what_lost_files_held_is_there_again(
    new_home: NewHome, published: TemporaryHome, lose: Callable[[Path], None], schema: str
) -> None:
    home = new_home(like=published, **EVERY_CADENCE)
    before = home.contents()
    home.close()
    shutil.rmtree(home.settings.landing)
    lose(Path(home.settings.lake_data, schema))
    assert damage_of(home.home, NOW).lost
    repaired(home)
    assert home.contents() == before


@pytest.mark.slow
def test_exports_that_are_gone_are_made_again(new_home: NewHome) -> None:
    home = new_home()
    home.landing.day(DAYS.start)
    home.run(DAYS.start)
    made = [entry.location for outcome in home.runner.make_outputs() for entry in outcome.made]
    gone = Path(next(location for location in made if "/exports/" in location))
    shutil.rmtree(gone.parent if gone.is_file() else gone)
    assert len(damage_of(home.home, NOW).outputs) == 1
    assert list(repair(home.home, NOW)) == []
    assert damage_of(home.home, NOW).outputs == []
    assert [entry.kind for outcome in home.runner.make_outputs() for entry in outcome.made] == [
        "exports/daily_customers"
    ]


def test_looking_changes_nothing(new_home: NewHome) -> None:
    home = Home(new_home().settings, read_only=True)
    before = {path for path in home.settings.home.rglob("*") if path.is_file()}
    assert not damage_of(home, NOW)
    home.close()
    there = {path for path in home.settings.home.rglob("*") if path.is_file()}
    # What SQLite itself has beside a database that it reads.
    assert {path for path in there if not path.name.startswith("catalog.sqlite-")} == before
