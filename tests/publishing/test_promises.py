"""A product is overdue from its deadline on until the newest partition that is waited for is published."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from tidegate.delivery_days import DeliveryDays
from tidegate.publishing.promises import Overdue, Promise, overdue_partition
from tidegate.publishing.requirements import GateRequirements
from tidegate.window import ONE_DAY, Cadence, Window
from tidegate.zones import UTC, Zone

if TYPE_CHECKING:
    from tests.support.lake.shop import Shop

# A Sunday; on the night before, the clock of Berlin was put forward.
DAY = dt.date(2024, 3, 31)
NEXT = DAY + ONE_DAY


def promised(shop: Shop, deadline: dt.time | None = dt.time(8), **changes: Any) -> GateRequirements:
    return dataclasses.replace(shop.requirements, promise=Promise(deadline=deadline), starts=DAY, **changes)


def overdue(shop: Shop, product: GateRequirements, hour: int, day: dt.date = NEXT, zone: Zone = UTC) -> Overdue | None:
    return overdue_partition(shop.lake.con, product, zone, zone.at(day, dt.time(hour)))


def test_a_day_is_overdue_from_its_deadline_on_until_it_is_published(shop: Shop) -> None:
    product = promised(shop)
    assert overdue(shop, product, 7) is None
    late = overdue(shop, product, 8)
    assert late == Overdue(DAY, Cadence.daily, dt.datetime(2024, 4, 1, 8, tzinfo=dt.UTC))
    shop.publish(Window.of_day(DAY))
    assert overdue(shop, product, 8) is None
    # Until the deadline of the next day, nobody waits for it.
    assert overdue(shop, product, 7, NEXT + ONE_DAY) is None
    assert overdue(shop, product, 8, NEXT + ONE_DAY) is not None
    # Another product's marts are none of its own.
    elsewhere = dataclasses.replace(product, beside=shop.requirements.names)
    assert overdue(shop, elsewhere, 8) is not None


def test_without_a_deadline_nothing_is_overdue(shop: Shop) -> None:
    assert overdue(shop, promised(shop, None), 23) is None


def test_a_deadline_is_by_the_platforms_clock(shop: Shop) -> None:
    berlin = Zone("Europe/Berlin")
    late = overdue(shop, promised(shop), 8, zone=berlin)
    assert late is not None
    assert late.deadline == dt.datetime(2024, 4, 1, 6, tzinfo=dt.UTC)


def test_nobody_waits_for_a_day_on_which_no_source_delivers(shop: Shop) -> None:
    """Of a Sunday's delivery nothing is overdue; of the Friday before it is still."""
    weekdays = dict.fromkeys(shop.requirements.deliveries, DeliveryDays(weekdays=frozenset(range(5))))
    product = dataclasses.replace(promised(shop, delivery_days=weekdays), starts=DAY - 2 * ONE_DAY)
    late = overdue(shop, product, 12)
    assert late is not None
    assert late.partition == DAY - 2 * ONE_DAY


@pytest.mark.parametrize(("cadence", "partition"), [(Cadence.weekly, NEXT), (Cadence.monthly, dt.date(2024, 3, 1))])
def test_mondays_and_months_are_promised_for_the_day_after_theirs(
    shop: Shop, cadence: Cadence, partition: dt.date
) -> None:
    product = dataclasses.replace(
        promised(shop, cadence=cadence), starts=cadence.about(dt.date(2024, 3, 1)), deliveries=frozenset()
    )
    late = overdue(shop, product, 8)
    assert late is not None
    assert (late.partition, late.deadline.date()) == (partition, NEXT)
