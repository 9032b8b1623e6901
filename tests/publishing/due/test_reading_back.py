"""A day that is made of days before it follows them, whatever came in which order; days before the start are left."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING

import pytest

from tidegate.publishing.due.partitions import Due, due_again, due_partitions, without_days_behind
from tidegate.publishing.requirements import GateRequirements
from tidegate.window import ONE_DAY, Window

if TYPE_CHECKING:
    from tests.support.lake.shop import Shop

FIRST = dt.date(2024, 6, 1)
DAYS = [FIRST + ONE_DAY * i for i in range(4)]
WEEK = Window(DAYS[0], DAYS[-1] + ONE_DAY)


@pytest.fixture(autouse=True)
def read_back(shop: Shop) -> None:
    shop.is_read_back = True


def reading_back(shop: Shop, reach: int = 1) -> GateRequirements:
    return dataclasses.replace(shop.requirements, reach=reach)


def due(shop: Shop, required: GateRequirements) -> dict[dt.date, Due]:
    found = {each.day: each for each in due_partitions(shop.lake.con, required)}
    assert sorted(found) == [each.day for each in due_again(shop.lake.con, [required])]
    return found


def change(shop: Shop, day: dt.date, factor: int) -> None:
    """Deliver a day again, build it and publish it: as another content, or as the same."""
    shop.deliver(Window.of_day(day), fingerprint=f"again-{day}-{factor}")
    shop.build(Window.of_day(day), factor)
    shop.promote(Window.of_day(day))


@pytest.mark.slow
def test_a_day_that_reads_a_day_back_follows_the_day_before_it(shop: Shop) -> None:
    required = reading_back(shop)
    shop.publish(WEEK)
    assert due(shop, required) == {}

    change(shop, DAYS[1], factor=2)
    assert list(due(shop, required)) == [DAYS[2]]
    assert due(shop, required)[DAYS[2]].restates
    assert due(shop, required)[DAYS[2]].causes == (str(DAYS[1]),)

    shop.build(Window.of_day(DAYS[2]))
    shop.promote(Window.of_day(DAYS[2]))
    assert due(shop, required) == {}  # as before, so that the day after it stays as it is


@pytest.mark.slow
def test_a_day_follows_all_days_in_reach_and_one_that_looks_no_day_back_none(shop: Shop) -> None:
    shop.publish(WEEK)
    change(shop, DAYS[0], factor=2)

    assert list(due(shop, reading_back(shop, 2))) == [DAYS[1], DAYS[2]]
    assert due(shop, shop.requirements) == {}


@pytest.mark.slow
def test_what_a_rebuilt_day_shows_otherwise_goes_on_to_the_next(shop: Shop) -> None:
    required = reading_back(shop)
    shop.publish(WEEK)
    change(shop, DAYS[0], factor=2)

    shop.build(Window.of_day(DAYS[1]), 3)
    shop.promote(Window.of_day(DAYS[1]))

    assert list(due(shop, required)) == [DAYS[2]]


@pytest.mark.slow
def test_a_day_that_is_published_after_a_later_one_restates_it(shop: Shop) -> None:
    required = reading_back(shop)
    shop.publish(Window.of_day(DAYS[1]))
    assert due(shop, required) == {}

    shop.publish(Window.of_day(DAYS[0]))

    assert list(due(shop, required)) == [DAYS[1]]


@pytest.mark.slow
def test_a_day_that_is_built_again_and_held_is_read_back_too(shop: Shop) -> None:
    required = reading_back(shop)
    shop.publish(WEEK)
    shop.deliver(Window.of_day(DAYS[0]), fingerprint="again")

    shop.build(Window.of_day(DAYS[0]), 2)  # and not published

    assert DAYS[1] in due(shop, required)


def test_days_are_built_after_the_days_behind_them() -> None:
    assert without_days_behind(DAYS, 1) == DAYS
    assert without_days_behind([DAYS[0], DAYS[2], DAYS[3]], 1) == [DAYS[0], DAYS[2], DAYS[3]]
    assert without_days_behind([DAYS[0], DAYS[2], DAYS[3]], 2) == [DAYS[0]]
    assert without_days_behind([DAYS[0], DAYS[3]], 0) == [DAYS[0], DAYS[3]]


def test_days_before_the_start_are_asked_for_no_more(shop: Shop) -> None:
    shop.publish(WEEK)
    later = dataclasses.replace(shop.requirements, starts=DAYS[2])
    shop.deliver(Window.of_day(DAYS[3]), fingerprint="late", touched=(DAYS[0], DAYS[2]))

    assert list(due(shop, later)) == [DAYS[2]]
    assert list(due(shop, shop.requirements)) == [DAYS[0], DAYS[2]]
