"""What is no change of any model's logic, and what of a contract is: products, regions, and the clock of a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.runs.changing import (
    DAYS,
    GROUPS,
    PLACES_YAML,
    SOURCES,
    STG_YAML,
    Files,
    deliver,
    filled_crowd,
    new_crowd,
    shown,
    with_project,
)
from tests.support.runs.home import TemporaryHome
from tests.support.runs.visits_contract import SHOP, TIMED, contract, with_contract

from tidegate.changes.apply import apply_plan
from tidegate.changes.plan import make_plan
from tidegate.changes.switching import Decision
from tidegate.changes.take_back import take_back
from tidegate.cli.read_status import read_status
from tidegate.window import ONE_DAY

pytestmark = pytest.mark.slow

DECISION = Decision("tester", "because")
# More than any check lets pass.
MAXIMUM = 5000
SECOND = DAYS.start + ONE_DAY


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporaryHome]:
    folder = tmp_path_factory.mktemp("old")
    home = filled_crowd(folder, contracts=contract(folder / "contracts", maximum=MAXIMUM))
    yield home
    home.close()


OTHER_PRODUCT: Files = {
    "groups.yml": GROUPS + "  - name: maps\n    owner: {name: Map makers, email: maps@example.com}\n",
    "daily_places.yml": PLACES_YAML.replace("group: crowds", "group: maps"),
}


def test_a_mart_that_moves_to_another_product_is_published_by_that_and_no_day_changes(crowd: TemporaryHome) -> None:
    before, home = crowd.contents("serving"), with_project(crowd, OTHER_PRODUCT)
    assert make_plan(home.home) is None
    assert list(home.runner.restate()) == []
    status = read_status(home.home)
    assert (status.older_logic, status.held) == ([], {})
    published = {product.name: product.published[0].count for product in status.products}
    assert published == {"crowds": 5, "maps": 5, "weeks": 1}
    assert home.run(SECOND)[0].succeeded
    assert home.contents("serving") == before
    # From now on the one holds without the other: this breaks a check of daily_visits alone.
    deliver(home, SECOND, 2000)
    assert home.run(SECOND)[0].held
    changed = {mart for (_, mart, _), content in home.contents("serving").items() if content not in before.values()}
    assert changed == {"daily_places"}
    home.close()


KIOSK = '  - {server: kiosk, type: local, path: "kiosk/{day}", format: csv}\n'


def test_a_region_that_comes_or_goes_changes_the_days_that_it_delivers(crowd: TemporaryHome) -> None:
    with crowd.home.lake() as lake:
        before = shown(lake)
    home = with_contract(crowd, maximum=MAXIMUM, servers=SHOP + KIOSK)
    assert make_plan(home.home) is None
    assert list(home.runner.restate()) == []
    assert read_status(home.home).held == {}, "what was published without it stays"
    deliver(home, SECOND, 7, source="kiosk")
    assert all(outcome.succeeded for outcome in home.run(SECOND))
    # 11 and 1 of the shop, 7 and 1 of the kiosk.
    assert home.query(f"select visitors from serving.daily_visits where visit_date = '{SECOND}'") == [(20,)]
    assert make_plan(home.home) is None

    home = with_contract(home, maximum=MAXIMUM)
    assert read_status(home.home).leaving == [("visits", "kiosk")]
    assert make_plan(home.home) is None
    home.run(SECOND)
    with home.home.lake() as lake:
        assert shown(lake) == before
    home.close()


IN_TOKYO = SHOP.replace("csv}", "csv, customProperties: [{property: timezone, value: Asia/Tokyo}]}")
STG_TIMED = """
select {{ tidegate.day_of("seen_at") }} as visit_date, place, visitors
from {{ source("raw", "visits") }}
where {{ tidegate.delivered_within_reach("visits") }} and {{ tidegate.happened_in_window("seen_at") }}
"""


def timed(folder: Path, servers: str) -> TemporaryHome:
    """A home whose visits have a time, by the clock of its server."""
    sources = "          - {name: seen_at, data_type: timestamp}\n"
    files = {
        "stg_visits.sql": STG_TIMED,
        "stg_visits.yml": STG_YAML,
        "sources.yml": SOURCES.replace("          - {name: _region", f"{sources}          - {{name: _region"),
    }
    home = new_crowd(folder, files, contract(folder / "contracts", **TIMED, servers=servers))
    for number, day in enumerate(DAYS.days):
        landed = Path(home.settings.landing) / "visits" / str(day)
        landed.mkdir(parents=True)
        # In Tokyo it is the day before still in UTC when this one in Bergen was seen.
        rows = f"Bergen,{10 + number},{day} 05:00:00\nLund,1,{day} 12:00:00\n"
        (landed / "visits.csv").write_text(f"place,visitors,seen_at\n{rows}")
        (landed / "_SUCCESS").touch()
    assert all(outcome.succeeded for outcome in home.backfill(DAYS))
    return home


def test_another_clock_of_a_server_moves_rows_to_other_days_once_it_is_applied(tmp_path: Path) -> None:
    home = timed(tmp_path / "crowd", SHOP)
    before = home.contents("serving")
    home = with_contract(home, **TIMED, servers=IN_TOKYO)
    assert list(home.runner.restate()) == []
    assert home.contents("serving") == before, "what was judged before stays as it is"
    planned = make_plan(home.home)
    assert planned is not None
    assert {mart.mart for mart in planned.marts} == {"daily_places", "daily_visits", "weekly_visits"}
    change = apply_plan(home.home, DECISION).change
    always = timed(tmp_path / "always", IN_TOKYO)
    assert home.contents() == always.contents()
    assert home.query("select visitors from serving.daily_visits order by visit_date") == [
        (visitors,) for visitors in (12, 13, 14, 15, 1)
    ]
    assert make_plan(home.home) is None
    take_back(home.home, change.change_id, DECISION)
    assert home.contents("serving") == before
    always.close()
    home.close()
