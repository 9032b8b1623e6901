"""Which published days stand on older logic."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import TYPE_CHECKING

import pytest

from tidegate.publishing.older_logic import older_models, on_older_logic
from tidegate.publishing.requirements import Mart
from tidegate.window import ONE_DAY, Cadence, Window

if TYPE_CHECKING:
    from tests.support.lake.shop import Shop

DAY = dt.date(2024, 6, 2)
THREE = Window(DAY, DAY + 3 * ONE_DAY)
NEWEST = {"daily_sales": "newest", "daily_sales_by_region": "same"}


def record(shop: Shop, day: dt.date, **logic: str) -> None:
    """A built and published day whose build recorded this logic of its models."""
    shop.publish(Window.of_day(day))
    shop.lake.con.execute(
        "update ops.builds set logic = $logic, started_at = $at where partition_day = $day",
        {"logic": json.dumps(logic) if logic else None, "at": dt.datetime.combine(day, dt.time(6)), "day": day},
    )


@pytest.mark.slow
def test_days_are_counted_whose_build_had_other_logic(shop: Shop) -> None:
    first, second, third = THREE.days
    record(shop, first, daily_sales="old", daily_sales_by_region="same")
    record(shop, second, daily_sales="new", daily_sales_by_region="same")
    # From before logic was recorded: nobody can tell.
    record(shop, third)
    con, products = shop.lake.con, [shop.requirements]

    now = {"daily_sales": "new", "daily_sales_by_region": "same", "stg_orders": "whatever"}
    (older,) = on_older_logic(con, products, now)
    assert (older.mart, older.cadence, older.days) == ("daily_sales", Cadence.daily, [first])
    assert older.changed_at == dt.datetime.combine(second, dt.time(6))
    assert older.sentence == "1 day of daily_sales stands on older logic (changed 2024-06-03)."
    assert on_older_logic(con, products, now, Window.of_day(second)) == []

    # Nothing was built with the newest logic yet.
    (older,) = on_older_logic(con, products, {**now, "daily_sales": "newest"})
    assert (older.days, older.changed_at) == ([first, second], None)
    assert older.sentence == "2 days of daily_sales stand on older logic."

    # A day that is built again stands on what it was published with until that is published.
    con.execute("update ops.builds set logic = logic.replace('old', 'new')")
    assert on_older_logic(con, products, now) == []
    shop.build(Window.of_day(first))
    con.execute("update ops.builds set logic = $logic where logic is null", {"logic": json.dumps(NEWEST)})
    (older,) = on_older_logic(con, products, {**now, "daily_sales": "newest"})
    assert older.days == [first, second]
    shop.promote(Window.of_day(first))
    (older,) = on_older_logic(con, products, {**now, "daily_sales": "newest"})
    assert older.days == [second]


def test_what_a_partition_lacks_of_the_project_is_not_there(shop: Shop) -> None:
    """A mart that came later, built or not; and with everything, all that is behind what is published."""
    record(shop, DAY, daily_sales="same", daily_sales_by_region="same", stg_orders="same")
    con, (day,) = shop.lake.con, Window.of_day(DAY).days
    later = Mart("daily_refunds", "order_date")
    product = dataclasses.replace(
        shop.requirements,
        marts=(*shop.requirements.marts, later),
        models=shop.requirements.models | {later.name, "int_orders"},
    )
    now = dict.fromkeys(product.models, "same")
    lacking = [("daily_refunds", day, None), ("int_orders", day, None)]
    assert [(each.model, each.day, each.logic) for each in older_models(con, [product], now)] == lacking
    assert on_older_logic(con, [product], now) == []
    con.execute("update ops.builds set models = list_append(models, 'daily_refunds')")
    assert [each.model for each in older_models(con, [product], now)] == ["daily_refunds", "int_orders"]
    assert {each.model for each in older_models(con, [product], now, everything=True)} == product.models
