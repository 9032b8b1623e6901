"""What was published since a moment, as it stands."""

from __future__ import annotations

import datetime as dt

import pytest
from tests.support.lake.shop import Shop

from tidegate.publishing.published import Published, published_since
from tidegate.window import Window

DAY = dt.date(2024, 3, 1)
MINUTE = dt.timedelta(minutes=1)


@pytest.mark.slow
def test_since_when_a_partition_shows_its_content_is_told_by_the_ledger(shop: Shop) -> None:
    day = Window.of_day(DAY)

    def now() -> Published:
        (found,) = published_since(shop.lake.con, [shop.requirements], dt.datetime.fromisoformat("0001-01-01"))
        return found

    shop.publish(day)
    first = now()
    shop.publish(day)
    again = now()
    assert (again.content, again.changed_at) == (first.content, first.changed_at)
    assert again.published_at > first.published_at and not again.is_restated
    shop.publish(day, factor=2)
    other = now()
    assert other.content != first.content and other.changed_at > first.changed_at
    shop.publish(day)
    back = now()
    assert back.content == first.content and back.changed_at > other.changed_at and back.is_restated
    assert published_since(shop.lake.con, [shop.requirements], back.published_at + MINUTE) == []
