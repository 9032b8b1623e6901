"""Which published days stand on older logic."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

from tidegate.publishing.older_logic import on_older_logic
from tidegate.window import ONE_DAY, Cadence, Window

if TYPE_CHECKING:
    from tests.support.lake.shop import Shop

DAY = dt.date(2024, 6, 2)
THREE = Window(DAY, DAY + 3 * ONE_DAY)


def record(shop: Shop, day: dt.date, **logic: str) -> None:
    """A built and published day whose build recorded this logic of its models."""
    shop.publish(Window.of_day(day))
    shop.lake.con.execute(
        "update ops.builds set logic = $logic, started_at = $at where partition_day = $day",
        {"logic": json.dumps(logic) if logic else None, "at": dt.datetime.combine(day, dt.time(6)), "day": day},
    )


def test_days_are_counted_whose_build_had_other_logic(shop: Shop) -> None:
    first, second, third = THREE.days
    record(shop, first, daily_sales="old", daily_sales_by_region="same")
    record(shop, second, daily_sales="new", daily_sales_by_region="same")
    # From before logic was recorded: nobody can tell.
    record(shop, third)

    now = {"daily_sales": "new", "daily_sales_by_region": "same", "stg_orders": "whatever"}
    (older,) = on_older_logic(shop.lake.con, now)
    assert (older.mart, older.cadence, older.partitions) == ("daily_sales", Cadence.daily, 1)
    assert older.changed_at == dt.datetime.combine(second, dt.time(6))

    # Nothing was built with the newest logic yet.
    (older,) = on_older_logic(shop.lake.con, {**now, "daily_sales": "newest"})
    assert (older.partitions, older.changed_at) == (2, None)

    # A day that is built again stands on what it is built with.
    shop.lake.con.execute("update ops.builds set logic = logic.replace('old', 'new')")
    assert on_older_logic(shop.lake.con, now) == []
