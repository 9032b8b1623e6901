"""Pages in the store: made once, replaced whole, and all of them in the index."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.outputs.breaking_store import AWAY, FULL, BreakingStore
from tests.support.outputs.shop import MONDAY, Shop, all_current, amount, brief_of, day_row, lake_in, random_customers

from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.sql import literal
from tidegate.ledger.outputs import standing_outputs
from tidegate.outputs.making import Making, make_outputs
from tidegate.outputs.pages import daily, weekly
from tidegate.outputs.pages.files import BRIEFS, REPORTS, briefs, reports
from tidegate.outputs.pages.segmentation import make_report
from tidegate.publishing.due.outputs import due_outputs
from tidegate.publishing.older_logic import OlderModel
from tidegate.storage.files import Storage
from tidegate.storage.folder import FolderStorage
from tidegate.window import ONE_DAY, ONE_WEEK, Cadence, Window

# The last day, the same weekday of the week before, and one more.
LAST = MONDAY - ONE_DAY
DAYS = Window(LAST - ONE_WEEK - ONE_DAY, MONDAY)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> LakeConfig:
    """A lake with nine days and the Monday after them, published. No test changes it."""
    with lake_in(tmp_path_factory.mktemp("published")) as lake:
        shop = Shop(lake.con)
        shop.serve_days(day_row(day) for day in DAYS.days)
        for day in DAYS.days:
            shop.publish(day, "daily", (*daily.MARTS, "orders_daily_summary"))
        shop.publish_monday(random_customers(20, MONDAY, seed=1))
        return lake.config


@pytest.fixture
def lake(published: LakeConfig, tmp_path: Path) -> Iterator[Lake]:
    """A copy of `published`."""
    with lake_in(tmp_path, published) as lake:
        yield lake


@pytest.fixture(scope="module")
def module_lake(published: LakeConfig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A copy of `published`, for tests that only look."""
    with lake_in(tmp_path_factory.mktemp("looked_at"), published) as lake:
        yield lake


@pytest.fixture
def store(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "outputs")


@pytest.fixture(scope="module")
def made(module_lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> tuple[FolderStorage, Making]:
    """All pages of `module_lake`, for tests that only look."""
    store = FolderStorage(tmp_path_factory.mktemp("made") / "outputs")
    return store, make(module_lake, store)


def make(lake: Lake, store: Storage, run_id: str = "run-1") -> Making:
    days = [*DAYS.days, MONDAY]
    return make_outputs(lake, store, [briefs(all_current), reports()], days, run_id)


def restate(lake: Lake, day: dt.date, revenue: str) -> None:
    lake.con.execute(
        f"update serving.daily_sales set net_revenue = {amount(revenue)} where order_date = {literal(day)}"
    )
    Shop(lake.con).publish(day, "daily", ["daily_sales"], content=revenue)


def due(lake: Lake, store: Storage) -> list[tuple[str, dt.date]]:
    kinds = [briefs(all_current).kind, reports().kind]
    return [(output.kind, output.day) for output in due_outputs(lake.con, kinds, store.place)]


OLDER = "daily_sales of this day was built with older logic (abc123) than the project had when the page was made."


@pytest.mark.slow
def test_a_brief_says_that_its_day_stands_on_older_logic_until_that_is_published_again(
    lake: Lake, store: FolderStorage
) -> None:
    """Its figures may stay as they are; and an edit alone makes no brief due."""
    older = [OlderModel(Cadence.daily, LAST, mart, True, "abc123", None) for mart in ("daily_sales", "other_mart")]
    making = make_outputs(lake, store, [briefs(lambda _con, _window: older)], DAYS.days, "run-1")
    assert f"<p>{OLDER}</p>" in text(store, f"daily/{LAST}/brief.html")
    assert "other_mart" not in text(store, f"daily/{LAST}/brief.html")
    assert "abc123" in making.made[BRIEFS, LAST].markdown
    assert "older logic" not in text(store, f"daily/{DAYS.start}/brief.html")
    make(lake, store)
    assert due(lake, store) == []

    Shop(lake.con).publish(LAST, "daily", daily.MARTS, by="newer")
    assert due(lake, store) == [(BRIEFS, LAST)]
    make(lake, store, "run-2")
    assert "older logic" not in text(store, f"daily/{LAST}/brief.html")
    Shop(lake.con).publish(LAST, "daily", daily.MARTS, by="newest")
    assert due(lake, store) == []


def text(store: FolderStorage, name: str) -> str:
    return (store.root / "reports" / name).read_bytes().decode()


@pytest.mark.slow
def test_every_page_is_made_once_and_stands_at_its_address(
    module_lake: Lake, made: tuple[FolderStorage, Making]
) -> None:
    store, making = made
    assert making.unmade == {}
    assert sorted(making.made) == [*((BRIEFS, day) for day in DAYS.days), (REPORTS, MONDAY)]
    brief, report = brief_of(module_lake.con, LAST), make_report(module_lake.con, MONDAY)
    assert text(store, f"daily/{LAST}/brief.html") == brief.html
    assert text(store, f"daily/{LAST}/brief.json") == brief.json
    assert making.made[BRIEFS, LAST].markdown == brief.markdown
    assert making.made[BRIEFS, LAST].location == str(store.root / "reports" / "daily" / str(LAST) / "brief.html")
    for ending in ("html", "json", "csv"):
        assert text(store, f"segmentation/{MONDAY}/report.{ending}") == getattr(report, ending)
    assert make(module_lake, store, "run-2").made == {}


def test_the_index_leads_to_every_page(made: tuple[FolderStorage, Making]) -> None:
    store, _ = made
    index = text(store, "index.html")
    for day in DAYS.days:
        assert f'href="daily/{day}/brief.html"' in index
    for ending in ("html", "json", "csv"):
        assert f'href="segmentation/{MONDAY}/report.{ending}"' in index


@pytest.mark.slow
def test_a_restated_day_renews_its_pages_and_the_index(lake: Lake, store: FolderStorage) -> None:
    make(lake, store)
    day = LAST - ONE_WEEK
    restate(lake, day, "98765.43")
    assert due(lake, store) == [(BRIEFS, day), (BRIEFS, LAST), (REPORTS, MONDAY)]
    untouched = {day: (store.root / "reports" / "daily" / str(day)).stat() for day in DAYS.days}
    making = make(lake, store, "run-2")
    assert sorted(making.made) == [(BRIEFS, day), (BRIEFS, LAST), (REPORTS, MONDAY)]
    for page in (f"daily/{day}/brief.html", f"daily/{LAST}/brief.html", "index.html"):
        assert "98,765.43" in text(store, page)
    assert (store.root / "reports" / "daily" / str(DAYS.start)).stat() == untouched[DAYS.start]


@pytest.mark.slow
@pytest.mark.parametrize(("puts", "error"), [(0, FULL), (1, AWAY), (4, FULL), (2 * 9, FULL), (2 * 9 + 2, AWAY)])
def test_what_fails_to_be_put_is_due_again(lake: Lake, store: FolderStorage, puts: int, error: Exception) -> None:
    """A brief is two puts and a report three, and the index of each kind's pages one more."""
    making = make(lake, BreakingStore(store.root, puts, error))
    told = making.unmade[REPORTS, MONDAY]
    assert ("No space left" in told) or ("S3 is away" in told)
    assert due(lake, store) == sorted(making.unmade, key=lambda page: (page[1], page[0]))
    assert make(lake, store, "run-2").unmade == {}
    assert due(lake, store) == []
    index = text(store, "index.html")
    assert all(f"daily/{day}/brief.html" in index for day in DAYS.days)
    assert f"segmentation/{MONDAY}/report.html" in index


@pytest.mark.usefixtures("made")
def test_the_ledger_has_what_the_index_shows(module_lake: Lake) -> None:
    rows = {(row.kind, row.partition_day): row for row in standing_outputs(module_lake.con, [BRIEFS, REPORTS])}
    assert rows[BRIEFS, LAST].summary == '{"net_revenue": "100.0000", "orders": 10, "flagged": []}'
    assert '"days_published": 7' in rows[REPORTS, MONDAY].summary


def test_a_home_is_asked_for_pages_only_of_marts_that_it_has() -> None:
    assert briefs(all_current).kind.marts == set(daily.MARTS)
    assert reports().kind.marts == set(weekly.MARTS)
