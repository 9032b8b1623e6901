"""Which Mondays are due follows from the ledger: those whose days were published with other content since."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from typing import TYPE_CHECKING

import pytest
from tests.support.lake.queries import stale_days

from tidegate.lake.sql import literal
from tidegate.lake.tables import ensure_table
from tidegate.ledger import publications
from tidegate.ledger.builds import begin_build, finish_build
from tidegate.ledger.deliveries import record_deliveries
from tidegate.publishing.due.made_of import DaysBehind
from tidegate.publishing.due.partitions import Due, due_partitions
from tidegate.publishing.periods import (
    periods_left_out,
    periods_to_begin,
    periods_with_days,
)
from tidegate.publishing.promote import Promotion, promote
from tidegate.publishing.requirements import GateRequirements, Mart
from tidegate.window import ONE_DAY, ONE_WEEK, Cadence, Window

if TYPE_CHECKING:
    from tests.support.lake.shop import Shop

MONDAY = dt.date(2024, 6, 10)
NEXT_MONDAY = MONDAY + ONE_WEEK
SATURDAY, SUNDAY = MONDAY - 2 * ONE_DAY, MONDAY - ONE_DAY

REACH = 365
WEEKLY = GateRequirements(
    frozenset(), frozenset({"weekly"}), frozenset(), (Mart("weekly", "as_of_date"),), Cadence.weekly
)


def behind(**fields: object) -> DaysBehind:
    default = DaysBehind(Cadence.weekly, frozenset({"daily_sales"}), frozenset(), REACH)
    return dataclasses.replace(default, **fields)  # type: ignore[arg-type]


def due(shop: Shop, of: DaysBehind | None = None) -> dict[dt.date, Due]:
    return {
        week.day: week for week in due_partitions(shop.lake.con, dataclasses.replace(WEEKLY, behind=of or behind()))
    }


def begin(shop: Shop, weeks: Window) -> str:
    build_id = uuid.uuid4().hex
    shop.lake.unit_of_work(lambda con: begin_build(con, build_id, weeks.days, ["weekly"], "run-w", Cadence.weekly))
    return build_id


def build(shop: Shop, weeks: Window) -> None:
    columns = {"as_of_date": "date", "figure": "bigint"}
    shop.lake.unit_of_work(lambda con: ensure_table(con, "marts", "weekly", columns, None))
    build_id = begin(shop, weeks)
    shop.lake.unit_of_work(lambda con: finish_build(con, build_id))


def promote_weeks(shop: Shop, weeks: Window) -> Promotion:
    return promote(shop.lake, weeks, WEEKLY, "run-w")


def build_and_publish(shop: Shop, *mondays: dt.date) -> None:
    for monday in mondays:
        week = Window.of_day(monday, Cadence.weekly)
        build(shop, week)
        assert list(promote_weeks(shop, week).published) == [monday]


def publish(shop: Shop, day: dt.date, factor: int = 1) -> None:
    assert not shop.publish(Window.of_day(day), factor).held


def test_a_monday_is_its_schedules_to_begin(shop: Shop) -> None:
    publish(shop, SUNDAY)
    assert due(shop) == {}


@pytest.mark.slow
def test_a_monday_follows_the_days_before_it(shop: Shop) -> None:
    publish(shop, SUNDAY)
    build_and_publish(shop, MONDAY)
    assert due(shop) == {}
    publish(shop, SATURDAY)
    assert due(shop)[MONDAY].causes == (str(SATURDAY),)
    assert due(shop)[MONDAY].restates
    build_and_publish(shop, MONDAY)
    assert due(shop) == {}


@pytest.mark.slow
def test_a_day_published_again_with_the_same_content_makes_nothing_due(shop: Shop) -> None:
    publish(shop, SUNDAY)
    build_and_publish(shop, MONDAY)
    publish(shop, SUNDAY)
    assert due(shop) == {}
    publish(shop, SUNDAY, factor=2)
    assert list(due(shop)) == [MONDAY]


@pytest.mark.slow
def test_marts_that_no_week_is_made_of_make_nothing_due(shop: Shop) -> None:
    publish(shop, SUNDAY)
    build_and_publish(shop, MONDAY)
    publish(shop, SUNDAY, factor=2)
    assert due(shop, behind(marts=frozenset({"another"}))) == {}


@pytest.mark.slow
def test_exactly_the_mondays_whose_window_holds_the_day_are_due(shop: Shop) -> None:
    publish(shop, SATURDAY)
    last_within = Cadence.weekly.among(Window(SATURDAY + ONE_DAY * (REACH - 6), SATURDAY + ONE_DAY * (REACH + 1))).start
    mondays = (MONDAY - ONE_WEEK, MONDAY, NEXT_MONDAY, last_within, last_within + ONE_WEEK)
    build_and_publish(shop, *mondays)
    publish(shop, SATURDAY, factor=2)
    assert list(due(shop)) == [MONDAY, NEXT_MONDAY, last_within]


@pytest.mark.slow
def test_the_monday_itself_is_not_in_its_window(shop: Shop) -> None:
    publish(shop, SUNDAY)
    build_and_publish(shop, MONDAY)
    publish(shop, MONDAY)
    assert due(shop) == {}


@pytest.mark.slow
def test_a_build_that_was_broken_off_is_due_again(shop: Shop) -> None:
    publish(shop, SUNDAY)
    begin(shop, Window.of_day(MONDAY, Cadence.weekly))
    assert list(due(shop)) == [MONDAY]
    assert not due(shop)[MONDAY].restates
    build_and_publish(shop, MONDAY)
    assert due(shop) == {}
    begin(shop, Window.of_day(MONDAY, Cadence.weekly))
    assert list(due(shop)) == [MONDAY]


def test_a_monday_that_was_built_and_not_published_is_due(shop: Shop) -> None:
    publish(shop, SUNDAY)
    build(shop, Window.of_day(MONDAY, Cadence.weekly))
    assert list(due(shop)) == [MONDAY]
    promote_weeks(shop, Window.of_day(MONDAY, Cadence.weekly))
    assert due(shop) == {}


@pytest.mark.slow
def test_a_mart_that_is_read_newest_counts_on_the_newest_day_only(shop: Shop) -> None:
    """As snapshots of customers do: who is one on a Monday is told by the newest snapshot before it."""
    newest = behind(newest=frozenset({"daily_sales"}))
    for day in (SATURDAY, SUNDAY):
        publish(shop, day)
    build_and_publish(shop, MONDAY, NEXT_MONDAY)

    publish(shop, SATURDAY, factor=2)
    assert due(shop, newest) == {}
    assert list(due(shop)) == [MONDAY, NEXT_MONDAY]
    publish(shop, SUNDAY, factor=2)
    assert list(due(shop, newest)) == [MONDAY, NEXT_MONDAY]
    publish(shop, MONDAY)
    build_and_publish(shop, MONDAY, NEXT_MONDAY)
    # Now Monday's is the newest before the next one.
    publish(shop, SUNDAY, factor=3)
    assert list(due(shop, newest)) == [MONDAY]


@pytest.mark.slow
def test_a_newest_day_without_rows_does_not_hide_the_one_before_it(shop: Shop) -> None:
    """Regression: a day that was published without customers hid a correction of the snapshot before it."""
    regions = frozenset({"daily_sales_by_region"})
    newest = behind(marts=regions, newest=regions)
    publish(shop, SATURDAY)
    assert not shop.publish(Window.of_day(SUNDAY), rows=0).held
    build_and_publish(shop, MONDAY)

    publish(shop, SATURDAY, factor=2)
    assert list(due(shop, newest)) == [MONDAY]


@pytest.mark.slow
def test_a_month_follows_its_days_and_those_that_it_reaches_back_to(shop: Shop) -> None:
    months = GateRequirements(
        frozenset(), frozenset({"monthly"}), frozenset(), (Mart("monthly", "month"),), Cadence.monthly
    )
    of_months = behind(cadence=Cadence.monthly, reach=31)
    june = Window.of_day(dt.date(2024, 6, 1), Cadence.monthly)
    shop.lake.unit_of_work(lambda con: ensure_table(con, "marts", "monthly", {"month": "date"}, None))

    def build_june() -> None:
        build_id = uuid.uuid4().hex
        shop.lake.unit_of_work(lambda con: begin_build(con, build_id, june.days, ["monthly"], "run-m", Cadence.monthly))
        shop.lake.unit_of_work(lambda con: finish_build(con, build_id))
        assert list(promote(shop.lake, june, months, "run-m").published) == june.days

    publish(shop, SATURDAY)
    build_june()
    for day, is_read in (
        (dt.date(2024, 4, 30), False),
        (dt.date(2024, 5, 1), True),
        (dt.date(2024, 6, 30), True),
        (dt.date(2024, 7, 1), False),
    ):
        publish(shop, day)
        assert [
            each.day for each in due_partitions(shop.lake.con, dataclasses.replace(months, behind=of_months))
        ] == june.days * is_read
        build_june()


def test_a_weekly_build_is_no_build_of_its_monday_as_a_day(shop: Shop) -> None:
    """Regression in the making: both have the Monday as their partition."""
    publish(shop, MONDAY)
    touched = shop.delivery(NEXT_MONDAY, fingerprint="late", touched=(MONDAY,))
    shop.lake.unit_of_work(lambda con: record_deliveries(con, [touched]))
    assert stale_days(shop.lake.con) == [MONDAY]
    build_and_publish(shop, MONDAY)
    assert stale_days(shop.lake.con) == [MONDAY]
    assert publications.published_days(shop.lake.con) == [MONDAY]
    shop.build(Window.of_day(MONDAY))
    assert stale_days(shop.lake.con) == []


@pytest.mark.slow
def test_days_and_mondays_of_one_name_do_not_supersede_each_other(shop: Shop) -> None:
    publish(shop, MONDAY)
    build_and_publish(shop, MONDAY)
    publish(shop, MONDAY, factor=2)
    standing = {(row.cadence, row.mart) for row in publications.newest_publications(shop.lake.con)}
    assert standing == {("daily", "daily_sales"), ("daily", "daily_sales_by_region"), ("weekly", "weekly")}
    assert [row.mart for row in publications.publication_history(shop.lake.con, MONDAY, Cadence.weekly)] == ["weekly"]


@pytest.mark.parametrize(("published", "expected"), [(SUNDAY, [MONDAY, NEXT_MONDAY]), (MONDAY, [NEXT_MONDAY])])
def test_mondays_without_a_published_day_before_them_would_be_empty(
    shop: Shop, published: dt.date, expected: list[dt.date]
) -> None:
    publish(shop, published)
    weeks = Cadence.weekly.among(Window(MONDAY - 2 * ONE_WEEK, NEXT_MONDAY + ONE_DAY))
    assert periods_with_days(shop.lake.con, weeks, behind()) == expected


def test_none_of_no_mondays(shop: Shop) -> None:
    assert periods_with_days(shop.lake.con, Cadence.weekly.among(Window(SATURDAY, SUNDAY)), behind()) == []


@pytest.mark.slow
def test_a_monday_that_nobody_began_is_built_once_its_week_is_whole(shop: Shop) -> None:
    mondays = Window(MONDAY, NEXT_MONDAY + ONE_WEEK, Cadence.weekly)

    def to_begin(starts: dt.date = MONDAY - ONE_WEEK) -> list[dt.date]:
        return periods_to_begin(shop.lake.con, mondays, behind(), starts)

    shop.publish(Window(MONDAY - ONE_WEEK, SUNDAY))
    assert to_begin() == []
    shop.publish(Window.of_day(SUNDAY))
    assert to_begin() == [MONDAY]
    assert to_begin(starts=MONDAY - 3 * ONE_WEEK) == [MONDAY]
    build(shop, Window.of_day(MONDAY, Cadence.weekly))
    assert to_begin() == []


def test_the_first_week_is_whole_from_the_first_day_on(shop: Shop) -> None:
    shop.publish(Window(SATURDAY, MONDAY))
    mondays = Window.of_day(MONDAY, Cadence.weekly)

    assert periods_to_begin(shop.lake.con, mondays, behind(), SATURDAY - ONE_DAY) == []
    assert periods_to_begin(shop.lake.con, mondays, behind(), SATURDAY) == [MONDAY]


def test_a_monday_between_published_ones_that_was_never_built_is_named(shop: Shop) -> None:
    shop.publish(Window(MONDAY - ONE_WEEK, MONDAY))
    last = NEXT_MONDAY + ONE_WEEK
    for monday in (MONDAY, last):
        week = Window.of_day(monday, Cadence.weekly)
        build(shop, week)
        promote_weeks(shop, week)

    assert periods_left_out(shop.lake.con, behind()) == [NEXT_MONDAY]


def test_mondays_before_the_start_are_asked_for_no_more(shop: Shop) -> None:
    shop.publish(Window.of_day(SUNDAY))
    build(shop, Window.of_day(MONDAY, Cadence.weekly))
    shop.publish(Window.of_day(SUNDAY), factor=2)
    assert list(due(shop)) == [MONDAY]

    later = dataclasses.replace(WEEKLY, starts=NEXT_MONDAY)
    assert due_partitions(shop.lake.con, dataclasses.replace(later, behind=behind())) == []


@pytest.mark.parametrize("cadence", [cadence for cadence in Cadence if cadence is not Cadence.daily])
@pytest.mark.parametrize("reach", [0, 1, 45, 365])
def test_the_rule_reads_the_days_that_a_partition_is_about_and_reaches_back_to(
    shop: Shop, cadence: Cadence, reach: int
) -> None:
    """The rule counts days in SQL, and everything else by the calendar: over leap years they are the same."""
    (reads,) = DaysBehind(cadence, frozenset({"daily_sales"}), frozenset(), reach).reads
    partitions = cadence.among(Window(dt.date(2023, 1, 1), dt.date(2025, 3, 1))).days
    assert reads.ends_after is not None
    end = f"to_months({reads.ends_after.months}) + to_days({reads.ends_after.days})"
    rows = shop.lake.con.execute(
        f"select partition - {reads.begins_before}, partition + {end} - to_days(1) "
        f"from (select unnest({literal(partitions)}::date[]) as partition)"
    ).fetchall()
    about = [cadence.days_about(partition, reach) for partition in partitions]
    assert [(first, last.date()) for first, last in rows] == [(window.start, window.last) for window in about]
