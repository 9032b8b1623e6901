"""Which outputs are due follows from what is published and what they were made of, and from nothing else."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING

import pytest
from duckdb import DuckDBPyConnection

from tidegate.ledger import publications
from tidegate.ledger.calendar import enter_holds
from tidegate.ledger.contents import Kind
from tidegate.ledger.entries import utc_now
from tidegate.ledger.made_of import Reads
from tidegate.ledger.outputs import OutputRecord, outputs_made_by, record_outputs, standing_outputs, times_of_outputs
from tidegate.ledger.publications import Publication
from tidegate.publishing.due.made_of import Ingredient, OutputKind
from tidegate.publishing.due.outputs import Output, due_outputs, outputs
from tidegate.window import ONE_DAY, Cadence, Length, Window

if TYPE_CHECKING:
    from tests.support.lake.shop import Shop

DAY = dt.date(2024, 6, 3)
ONE = Window.of_day(DAY)
PLACE = "/outputs"

SALES = OutputKind("exports/daily_sales", "daily", (Ingredient(("daily_sales",), "daily"),))
REGIONS = OutputKind("exports/daily_sales_by_region", "daily", (Ingredient(("daily_sales_by_region",), "daily"),))
BRIEF = OutputKind("brief", "daily", (Ingredient(("daily_sales", "daily_sales_by_region"), "daily", (0, 7, 14)),))
REPORT = OutputKind(
    "report", "weekly", (Ingredient(("rfm",), "weekly", (0, 7)), Ingredient(("daily_sales",), "daily", (1, 2, 3)))
)
KINDS = (SALES, REGIONS, BRIEF, REPORT)

# One page of everything that is published, delivered or held.
OF_ALL = OutputKind(
    "reports/quality",
    "daily",
    (Ingredient(("daily_sales", "never_published"), "daily", needed=False),),
    is_one=True,
    watches=(Reads(Kind.report, "", 10, Length(days=10)), Reads(Kind.hold, "sales", 10, Length(days=10))),
)


def due(shop: Shop, *kinds: OutputKind, place: str = PLACE) -> list[tuple[str, dt.date]]:
    """Those that are due, which are asked for alone, or found among all that there can be."""
    with shop.lake.one_moment() as con:
        found = due_outputs(con, kinds or KINDS, place)
        assert found == [each for each in outputs(con, kinds or KINDS, place) if each.is_due]
    return [(output.kind, output.day) for output in found]


def make_due(shop: Shop, *kinds: OutputKind, run_id: str = "run-1") -> list[tuple[str, dt.date]]:
    """Make what is due; returns what that was."""
    made = due_outputs(shop.lake.con, kinds or KINDS, PLACE)
    enter(shop, [record(output, run_id) for output in made])
    return [(output.kind, output.day) for output in made]


def enter(shop: Shop, rows: list[OutputRecord]) -> None:
    shop.lake.unit_of_work(lambda con: record_outputs(con, rows))


def record(output: Output, run_id: str = "run-1") -> OutputRecord:
    return OutputRecord(
        output.kind, output.day, "daily", output.inputs_hash, output.publication_id,
        f"{PLACE}/{output.kind}/{output.day}/{run_id}", run_id, utc_now(),
        contents_seen=output.contents_seen, revision=output.revision,
    )  # fmt: skip


def publish_week(shop: Shop, monday: dt.date, content: str = "1") -> None:
    """A weekly mart as its promote would enter it."""
    promote = f"{content}-{utc_now():%f}"
    row = Publication(
        f"{monday:%Y%m%d}-{promote}", monday, "weekly", "rfm", "run-1", "build", 1, 1, content, utc_now(), None
    )

    def work(con: DuckDBPyConnection) -> None:
        publications.supersede_publications(con, [monday], "weekly", promote, ["rfm"])
        publications.record_publications(con, [row])

    shop.lake.unit_of_work(work)


def test_what_is_published_is_due_until_it_is_made(shop: Shop) -> None:
    assert due(shop) == []
    shop.publish(Window(DAY, DAY + 2 * ONE_DAY))
    expected = [(kind.name, day) for day in (DAY, DAY + ONE_DAY) for kind in (BRIEF, SALES, REGIONS)]
    assert due(shop) == expected
    assert make_due(shop) == expected
    assert due(shop) == []


def test_the_same_content_again_makes_nothing_due(shop: Shop) -> None:
    shop.publish(ONE)
    make_due(shop)
    shop.publish(ONE)
    assert due(shop) == []


def test_a_held_day_makes_nothing_due(shop: Shop) -> None:
    shop.publish(ONE)
    make_due(shop)
    shop.deliver(ONE, verdict="rejected", fingerprint="broken")
    shop.build(ONE, factor=2)
    assert DAY in shop.promote(ONE).held
    assert due(shop) == []


def hold(shop: Shop, day: dt.date, held: dict[dt.date, str]) -> None:
    shop.lake.unit_of_work(lambda con: enter_holds(con, "sales", Cadence.daily, [day], held))


@pytest.mark.slow
def test_a_page_of_everything_is_one_and_is_due_when_a_day_is_held_or_delivered_and_else_not(shop: Shop) -> None:
    assert due(shop, OF_ALL) == []
    shop.publish(Window(DAY, DAY + 2 * ONE_DAY))
    newest = DAY + ONE_DAY
    assert make_due(shop, OF_ALL) == [(OF_ALL.name, newest)]
    later = newest + 2 * ONE_DAY
    for held in ({later: "The file is broken."}, {later: "The file is empty."}, {}):
        for expected in ([(OF_ALL.name, newest)], []):
            hold(shop, later, held)
            assert make_due(shop, OF_ALL) == expected, held
    shop.deliver(Window.of_day(later), verdict="rejected", fingerprint="broken")
    assert make_due(shop, OF_ALL) == [(OF_ALL.name, newest)]
    shop.publish(Window.of_day(later))
    assert make_due(shop, OF_ALL) == [(OF_ALL.name, later)]
    assert due(shop, OF_ALL) == []


@pytest.mark.slow
def test_only_the_marts_that_changed_are_exported_again(shop: Shop) -> None:
    shop.publish(ONE)
    make_due(shop)
    shop.publish(ONE, rows=2)
    assert due(shop, SALES, REGIONS) == [(SALES.name, DAY), (REGIONS.name, DAY)]
    make_due(shop)
    shop.build(ONE, rows=2)
    shop.lake.con.execute("update marts.daily_sales set total_orders = 77")
    shop.promote(ONE)
    assert due(shop, SALES, REGIONS) == [(SALES.name, DAY)]


@pytest.mark.slow
def test_a_day_that_changes_back_is_due_each_time(shop: Shop) -> None:
    entries = []
    for factor in (1, 2, 1):
        shop.publish(ONE, factor)
        (output,) = due_outputs(shop.lake.con, [SALES], PLACE)
        entries.append((output.inputs_hash, output.entry))
        make_due(shop, SALES)
    assert entries[0][0] == entries[2][0] != entries[1][0]
    assert len(set(entries)) == 3, "one and the same request would be answered once"


def test_a_brief_is_due_for_the_days_it_looks_back_from(shop: Shop) -> None:
    shop.publish(Window(DAY, DAY + 20 * ONE_DAY))
    make_due(shop)
    shop.publish(ONE, factor=2)
    assert due(shop, BRIEF) == [(BRIEF.name, DAY + weeks * 7 * ONE_DAY) for weeks in range(3) if weeks * 7 < 20]
    assert due(shop, SALES) == [(SALES.name, DAY)]


def test_a_day_published_in_between_makes_later_briefs_due(shop: Shop) -> None:
    shop.publish(Window.of_day(DAY + 7 * ONE_DAY))
    make_due(shop)
    shop.publish(ONE)
    assert due(shop, BRIEF) == [(BRIEF.name, DAY), (BRIEF.name, DAY + 7 * ONE_DAY)]


@pytest.mark.slow
def test_a_report_is_made_of_weeks_and_of_days(shop: Shop) -> None:
    shop.publish(Window(DAY - 3 * ONE_DAY, DAY))
    assert due(shop, REPORT) == []
    publish_week(shop, DAY)
    publish_week(shop, DAY + 7 * ONE_DAY)
    assert make_due(shop, REPORT) == [("report", DAY), ("report", DAY + 7 * ONE_DAY)]

    shop.publish(Window.of_day(DAY - ONE_DAY), factor=2)
    assert make_due(shop, REPORT) == [("report", DAY)]
    shop.publish(Window.of_day(DAY), factor=2)
    assert due(shop, REPORT) == []
    publish_week(shop, DAY, "2")
    assert due(shop, REPORT) == [("report", DAY), ("report", DAY + 7 * ONE_DAY)]


def test_what_is_made_otherwise_now_is_due(shop: Shop) -> None:
    shop.publish(ONE)
    make_due(shop)
    assert due(shop, SALES, place="s3://elsewhere") == [(SALES.name, DAY)]
    newer = OutputKind(SALES.name, SALES.cadence, SALES.ingredients, revision=2)
    assert due(shop, newer) == [(SALES.name, DAY)]


def test_an_output_says_what_it_is_of(shop: Shop) -> None:
    publication = shop.publish(ONE).published[DAY][0]
    (output,) = outputs(shop.lake.con, [SALES], PLACE, [DAY, DAY + ONE_DAY])
    assert (output.publication_id, output.since) == (publication.publication_id, publication.published_at)
    assert (output.entry, output.is_due) == (-1, True)
    make_due(shop)
    (made,) = outputs(shop.lake.con, [SALES], PLACE)
    assert made.entry >= 0
    assert not made.is_due
    assert outputs(shop.lake.con, [SALES], PLACE, [DAY - ONE_DAY]) == []


def test_the_ledger_tells_what_stands_and_since_when_the_rest_does_not(shop: Shop) -> None:
    for run_id, factor in (("run-1", 1), ("run-2", 2)):
        shop.publish(ONE, factor)
        make_due(shop, SALES, run_id=run_id)
    (first,), (second,) = outputs_made_by(shop.lake.con, "run-1"), outputs_made_by(shop.lake.con, "run-2")
    assert standing_outputs(shop.lake.con, [SALES.name]) == [second]
    assert times_of_outputs(shop.lake.con, PLACE) == {
        first.location: (first.made_at, second.made_at),
        second.location: (second.made_at, None),
    }
    assert times_of_outputs(shop.lake.con, "/elsewhere") == {}


def test_outputs_in_a_folder_of_the_place_are_not_at_it(shop: Shop) -> None:
    shop.publish(ONE)
    make_due(shop, SALES)
    above = PLACE.rpartition("/")[0]
    assert due(shop, SALES, place=above) == due(shop, SALES, place="/elsewhere") == [(SALES.name, DAY)]
    assert times_of_outputs(shop.lake.con, above) == {}


def test_what_tells_of_deliveries_follows_them_whether_or_not_they_were_published(shop: Shop) -> None:
    page = dataclasses.replace(SALES, name="reports/page", tells_of=(0, 1))
    shop.publish(ONE)
    make_due(shop, page, SALES)
    shop.deliver(ONE)
    assert due(shop, page, SALES) == []
    shop.deliver(ONE, verdict="rejected", fingerprint="broken", rows_loaded=0)
    assert make_due(shop, page, SALES) == [(page.name, DAY)]
    shop.deliver(ONE)
    assert make_due(shop, page, SALES) == [(page.name, DAY)]
    shop.deliver(Window.of_day(DAY - ONE_DAY))
    assert make_due(shop, page, SALES) == [(page.name, DAY)]
    shop.deliver(Window.of_day(DAY - 2 * ONE_DAY))
    assert due(shop, page, SALES) == []


@pytest.mark.slow
def test_what_tells_of_changes_follows_those_of_marts_that_it_is_not_made_of(shop: Shop) -> None:
    page = dataclasses.replace(SALES, name="reports/page", tells_of=(0,))
    shop.publish(ONE)
    make_due(shop, page, SALES)
    shop.build(ONE)
    shop.lake.con.execute("update marts.daily_sales_by_region set net_revenue = 77")
    shop.promote(ONE)
    assert make_due(shop, page, SALES) == [(page.name, DAY)]
    # And back again: what is published is what it was, and yet it changed.
    shop.publish(ONE)
    assert make_due(shop, page, SALES) == [(page.name, DAY)]


def test_nothing_is_made_of_a_mart_that_was_never_published(shop: Shop) -> None:
    publish_week(shop, DAY)
    assert due(shop, REPORT) == []
    shop.publish(Window.of_day(DAY + 30 * ONE_DAY))
    assert due(shop, REPORT) == [(REPORT.name, DAY)]


HOSTILE = '\'; drop table ops.outputs; -- "größe" \n'


def test_hostile_names_stay_names(shop: Shop) -> None:
    hostile = OutputKind(HOSTILE, HOSTILE, (Ingredient((HOSTILE,), HOSTILE),))
    shop.publish(ONE)
    assert due(shop, hostile, SALES, place=HOSTILE) == [(SALES.name, DAY)]
    row = OutputRecord(HOSTILE, DAY, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, utc_now())
    enter(shop, [row])
    assert standing_outputs(shop.lake.con, [HOSTILE]) == [row]
    assert outputs_made_by(shop.lake.con, HOSTILE) == [row]
