"""What a day waits for: gate, what is due and what is asked for say the same."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING

import pytest

from tidegate.delivery_days import EVERY_WEEKDAY, DeliveryDays
from tidegate.ledger.checks import record_checks
from tidegate.ledger.deliveries import record_deliveries
from tidegate.ledger.known import days_lacking, incomplete_days
from tidegate.ledger.required import WITHDRAWN, settled_days
from tidegate.publishing.due.partitions import due_partitions
from tidegate.publishing.gate import closed_among, held_days
from tidegate.publishing.requirements import GateRequirements
from tidegate.window import ONE_DAY, Window

if TYPE_CHECKING:
    from tests.support.lake.shop import Shop

DAY = dt.date(2024, 6, 2)
ONE = Window.of_day(DAY)
NEXT = DAY + ONE_DAY
BOTH = Window(DAY, NEXT + ONE_DAY)
NEW = ("orders", "ap-south")


def with_new_region(shop: Shop, first_day: dt.date | None = None) -> GateRequirements:
    """What the gate requires once a region was added."""
    return with_region_on(shop, DeliveryDays(first_day))


def with_region_on(shop: Shop, days: DeliveryDays) -> GateRequirements:
    before = shop.requirements
    return dataclasses.replace(before, deliveries=before.deliveries | {NEW}, delivery_days={NEW: days})


def deliver(shop: Shop, day: dt.date, region: str, **fields: object) -> None:
    row = shop.delivery(day, region, **fields)
    shop.lake.unit_of_work(lambda con: record_deliveries(con, [row]))


def waiting(shop: Shop, required: GateRequirements, window: Window = BOTH) -> set[dt.date]:
    """The days that wait for the new region, on which all agree."""
    con = shop.lake.con
    closed = closed_among(con, window.days, required)
    lacking = {day for day, why in closed.items() if any("orders/ap-south" in sentence for sentence in why)}
    places = (required.deliveries, required.delivery_days)
    assert set(incomplete_days(con, *places)) == lacking == set(days_lacking(con, "orders", *places, 9))
    assert not {each.day for each in due_partitions(con, required)} & lacking
    return lacking


def test_a_region_that_is_added_closes_no_day_that_was_published_without_it(shop: Shop) -> None:
    shop.publish(ONE)
    shop.deliver(Window.of_day(NEXT))
    required = with_new_region(shop)
    assert waiting(shop, required) == {NEXT}
    assert settled_days(shop.lake.con, "orders", [DAY, NEXT]) == {DAY}

    # A late row of the day restates it, without the region that was not there.
    deliver(shop, NEXT, "eu-west", touched=(DAY,), fingerprint="late")
    assert [(each.day, each.restates) for each in due_partitions(shop.lake.con, required)] == [(DAY, True)]


def test_a_region_is_required_from_its_first_day_on(shop: Shop) -> None:
    shop.deliver(BOTH)
    assert waiting(shop, with_new_region(shop, NEXT)) == {NEXT}
    assert [each.day for each in due_partitions(shop.lake.con, with_new_region(shop, NEXT))] == [DAY]
    shop.build(BOTH)
    assert DAY not in closed_among(shop.lake.con, BOTH.days, with_new_region(shop, NEXT))
    # What it delivers before that is judged like any other.
    deliver(shop, DAY, "ap-south", verdict="rejected", reason="It is garbage.")
    assert closed_among(shop.lake.con, ONE.days, with_new_region(shop, NEXT)) == {DAY: ["It is garbage."]}
    assert due_partitions(shop.lake.con, with_new_region(shop, NEXT)) == []


@pytest.mark.parametrize(
    "days",
    [
        DeliveryDays(weekdays=EVERY_WEEKDAY - {DAY.weekday()}),
        DeliveryDays(except_dates=frozenset({DAY})),
    ],
)
def test_nobody_waits_for_a_region_on_a_day_that_it_does_not_deliver_on(shop: Shop, days: DeliveryDays) -> None:
    shop.deliver(BOTH)
    required = with_region_on(shop, days)
    assert waiting(shop, required) == {NEXT}
    assert [each.day for each in due_partitions(shop.lake.con, required)] == [DAY]
    shop.build(BOTH)
    assert DAY not in closed_among(shop.lake.con, BOTH.days, required)


def test_a_day_before_the_first_of_every_region_is_not_published_empty(shop: Shop) -> None:
    shop.build(ONE)
    places = shop.requirements.deliveries
    required = dataclasses.replace(shop.requirements, delivery_days=dict.fromkeys(places, DeliveryDays(NEXT)))
    assert "no source delivers on this day" in closed_among(shop.lake.con, ONE.days, required)[DAY][0]


@pytest.mark.slow
def test_a_day_that_was_published_with_a_region_that_left_waits_for_the_one_in_its_place(shop: Shop) -> None:
    deliver(shop, DAY, "ap")
    shop.publish(ONE)
    deliver(shop, DAY, "ap", verdict=WITHDRAWN, touched=(DAY,))
    assert [each.day for each in due_partitions(shop.lake.con, shop.requirements)] == [DAY]
    assert waiting(shop, with_new_region(shop), ONE) == {DAY}
    [sentence] = closed_among(shop.lake.con, ONE.days, with_new_region(shop))[DAY]
    assert "published with orders/ap, which the contract no longer has" in sentence
    assert waiting(shop, with_new_region(shop, NEXT), ONE) == set()


WEATHER = ("weather", "shop")
# From a Friday to a Tuesday, and the Monday in it is a holiday.
WEEKEND = Window(dt.date(2024, 3, 29), dt.date(2024, 4, 3))
HOLIDAY = dt.date(2024, 4, 1)


def with_weather(shop: Shop, days: DeliveryDays) -> GateRequirements:
    """What the gate requires once a whole source was added, with a model of it and a check that may hold a day."""
    before = shop.requirements
    return dataclasses.replace(
        before,
        deliveries=before.deliveries | {WEATHER},
        models=before.models | {"stg_weather"},
        blocking_checks=before.blocking_checks | {("staging/stg_weather", "degrees_are_plausible")},
        delivery_days={WEATHER: days},
    )


@pytest.mark.slow
@pytest.mark.parametrize("days", [DeliveryDays(), DeliveryDays(NEXT)], ids=["without a first day", "from a first day"])
def test_a_source_that_is_added_closes_no_day_of_the_year_before(shop: Shop, days: DeliveryDays) -> None:
    year = Window(DAY - 364 * ONE_DAY, NEXT)
    shop.publish(year)
    required, con = with_weather(shop, days), shop.lake.con
    assert held_days(con, year, [required]) == {}
    assert due_partitions(con, required) == []
    assert incomplete_days(con, required.deliveries, required.delivery_days) == {}

    # The next day waits for it.
    shop.deliver(Window.of_day(NEXT))
    assert set(incomplete_days(con, required.deliveries, required.delivery_days)) == {NEXT}

    # An old day that is delivered again is due, and held until it was built with all that there is by now.
    old = Window.of_day(year.start)
    shop.deliver(old, fingerprint="again", touched=(year.start,))
    assert [each.day for each in due_partitions(con, required)] == [year.start]
    shop.build(old)
    assert closed_among(con, old.days, required) == {
        year.start: [f"stg_weather {year.start}: never built. Run the day."]
    }
    whole = dataclasses.replace(shop, models=(*shop.models, "stg_weather"))
    build_id = whole.build(old)
    passed = shop.check(year.start, "staging/stg_weather", "degrees_are_plausible", build_id)
    shop.lake.unit_of_work(lambda con: record_checks(con, [passed]))
    assert closed_among(con, old.days, required) == {}


def test_nobody_waits_for_a_source_on_weekends_and_on_a_listed_holiday(shop: Shop) -> None:
    days = DeliveryDays(weekdays=frozenset(range(5)), except_dates=frozenset({HOLIDAY}))
    required = with_weather(shop, days)
    shop.deliver(WEEKEND)
    waiting = set(incomplete_days(shop.lake.con, required.deliveries, required.delivery_days))
    assert waiting == {WEEKEND.start, WEEKEND.last}
    assert {each.day for each in due_partitions(shop.lake.con, required)} == set(WEEKEND.days) - waiting
