"""The quality page: what became of each delivery and of each product's day, and what the page says of it."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from typing import Any

import pytest
from tests.support.outputs.over_time import a_quarter
from tests.support.outputs.page import read_page
from tests.support.outputs.shop import DAILY, Shop, day_row, delivery

from tidegate.contract.model import Contract
from tidegate.contract.reading.odcs import load_contracts
from tidegate.outputs.pages.over_time import DAYS, FEWEST_DAYS, Expected, OverTime, State, newest_window, read_over_time
from tidegate.outputs.pages.quality_page import before, make_quality_page, ranges
from tidegate.outputs.rendering.numbers import NOTHING
from tidegate.settings import CHECKOUT
from tidegate.window import ONE_DAY
from tidegate.zones import UTC

TODAY = dt.date(2024, 7, 11)
NOW = dt.datetime(2024, 7, 11, 12, tzinfo=dt.UTC)
REGIONS = ("eu-west", "us-east", "us-west", "ap-south")


@pytest.fixture(scope="module")
def contracts() -> dict[str, Contract]:
    return load_contracts(CHECKOUT / "contracts")


def look(shop: Shop, contracts: dict[str, Contract], days: int = 10, now: dt.datetime = NOW) -> OverTime:
    expected = Expected({"orders": contracts["orders"]}, dt.date(2024, 1, 1), UTC)
    return read_over_time(shop.con, expected, now, days)


def deliver(shop: Shop, day: dt.date, at: dt.datetime, region: str = "eu-west", **fields: Any) -> None:
    shop.deliver(delivery(day, region=region, started_at=at, finished_at=at, **fields))


def in_time(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day + ONE_DAY, dt.time(5))


def test_a_young_home_is_shown_from_its_first_day(shop: Shop) -> None:
    shown = {}
    for days in (5, 40, 400):
        first = TODAY - ONE_DAY * days
        window = newest_window(shop.con, Expected({}, first, UTC), NOW, DAYS)
        shown[days] = (window.last, len(window.days))
    yesterday = TODAY - ONE_DAY
    assert shown == {5: (yesterday, FEWEST_DAYS), 40: (yesterday, 40), 400: (yesterday, DAYS)}


def test_each_delivery_is_accepted_late_rejected_or_missing(shop: Shop, contracts: dict[str, Contract]) -> None:
    days = [TODAY - ONE_DAY * ago for ago in range(9, 0, -1)]
    for day in days:
        for region in REGIONS[1:]:
            deliver(shop, day, in_time(day), region)
    good, late, rejected, again, _missing, *rest = days
    deliver(shop, good, in_time(good))
    deliver(shop, late, in_time(late) + dt.timedelta(hours=3))
    deliver(shop, rejected, in_time(rejected), verdict="rejected", reason="It is broken.", touched=())
    deliver(shop, again, in_time(again))
    # Loaded again weeks later, under another contract: it came in time all the same.
    deliver(shop, again, in_time(again) + dt.timedelta(days=30), rows_loaded=5)
    for day in rest:
        deliver(shop, day, in_time(day))

    found = look(shop, contracts, days=11)
    lines = {line.name: line for line in found.deliveries}
    assert set(lines) == {"orders/eu-west", "orders/us-east, us-west, ap-south"}
    alike = lines["orders/us-east, us-west, ap-south"]
    assert (alike.stands_for, set(alike.states[2:])) == (3, {State.accepted})
    assert alike.states[:2] == (State.nothing, State.nothing), "nobody waits for what is before the first delivery"
    assert lines["orders/eu-west"].states[2:] == (
        State.accepted, State.late, State.rejected, State.accepted, State.missing, *([State.accepted] * 4)
    )  # fmt: skip
    (freshness,) = found.freshness
    assert (freshness.late, freshness.median_minutes, freshness.worst_minutes) == (1, 60, -120)


@pytest.mark.slow
def test_days_whose_deadline_had_passed_before_the_source_was_known_are_not_late(
    shop: Shop, contracts: dict[str, Contract]
) -> None:
    for ago in range(1, 9):
        for region in REGIONS:
            deliver(shop, TODAY - ONE_DAY * ago, dt.datetime(2024, 7, 11, 11), region)  # noqa: DTZ001
    found = look(shop, contracts)
    (line,) = found.deliveries
    assert line.name == "orders (4 regions)"
    assert set(line.states) == {State.accepted, State.nothing}
    assert found.freshness[0].deliveries == 0


def test_a_home_of_past_days_ends_with_its_newest(shop: Shop, contracts: dict[str, Contract]) -> None:
    deliver(shop, TODAY - ONE_DAY, in_time(TODAY))
    assert look(shop, contracts).last_day == TODAY - ONE_DAY
    assert look(shop, contracts, now=NOW + dt.timedelta(days=20)).last_day == TODAY + ONE_DAY * 19
    assert look(shop, contracts, now=NOW + dt.timedelta(days=900)).last_day == TODAY - ONE_DAY


def test_products_are_published_restated_held_or_overdue(shop: Shop, contracts: dict[str, Contract]) -> None:
    days = [TODAY - ONE_DAY * ago for ago in range(4, 0, -1)]
    shop.serve_days(day_row(day) for day in days)
    shop.tell_the_calendar()
    published, restated, held, _ = days
    for day in (published, restated):
        shop.publish(day, "daily", DAILY)
    shop.publish(restated, "daily", DAILY, "other")
    shop.hold(held, "A model failed.")
    deliver(shop, TODAY - ONE_DAY, in_time(TODAY))
    found = look(shop, contracts, days=4)
    (line,) = found.days
    assert list(line.states[:3]) == [State.published, State.restated, State.held]
    (product,) = [each for each in found.products if each.cadence == "daily"]
    assert (product.published, product.restated, product.held) == (2, 1, 1)
    shop.hold(restated, "A newer version is bad.")
    (again,) = [each for each in look(shop, contracts, days=4).products if each.cadence == "daily"]
    assert (again.published, again.restated, again.held) == (2, 1, 2), "it is shown all the same"


def test_an_empty_home_has_a_page(shop: Shop, contracts: dict[str, Contract]) -> None:
    found = look(shop, contracts)
    assert "Nothing was delivered." in make_quality_page(found).html
    assert set(found.deliveries[0].states) == {State.missing}, "nothing ever came, and all of it was to come"


def test_the_page_has_every_exception_in_words_and_all_figures_as_json() -> None:
    found = a_quarter()
    page = make_quality_page(found)
    tables = read_page(page.html).tables()
    rows = [row for caption, rows in tables.items() if caption.startswith("Days that are not accepted") for row in rows]
    assert ['pay<ments> & "co"/shop', "missing"] in [row[:2] for row in rows]
    assert "<ments>" not in page.html
    facts = json.loads(page.json)
    assert [len(line["states"]) for line in facts["deliveries"]] == [91] * 8
    assert len(facts["reasons"]) == 30


def test_nothing_at_all_is_drawn_as_nothing() -> None:
    found = replace(a_quarter(), deliveries=[], days=[], shares=[], reasons=[], freshness=[], products=[], runs=[])
    assert "Nothing yet." in make_quality_page(found).html


def test_ranges_and_minutes_are_words() -> None:
    days = [TODAY - ONE_DAY * ago for ago in (0, 1, 2, 5, 7, 9, 11, 13, 15)]
    assert ranges(days).startswith("2024-07-09 to 2024-07-11, 2024-07-06")
    assert ranges(days).endswith("and 1 more")
    assert [before(minutes) for minutes in (None, 0, -59, 90)] == [
        NOTHING,
        "0 min before",
        "59 min after",
        "1.5 h before",
    ]
