"""A mart that no model makes any more leaves what consumers read, and what nobody published here is left alone."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING

import pytest
from duckdb import DuckDBPyConnection
from tests.support.lake.shop import MARTS

from tidegate.ledger.publications import name_commit, newest_publications
from tidegate.publishing.due.partitions import due_again
from tidegate.publishing.requirements import GateRequirements, Mart
from tidegate.publishing.retire import marts_without_model, retire_marts, retired_marts
from tidegate.window import ONE_DAY, Cadence, Window

if TYPE_CHECKING:
    from tests.support.lake.shop import Shop

DAY = dt.date(2024, 6, 1)
BOTH = Window(DAY, DAY + 2 * ONE_DAY)
SWITCH = "0123456789abcdef"


def daily(*names: str) -> list[tuple[str, Cadence]]:
    return [(name, Cadence.daily) for name in names]


def retire(shop: Shop, *kept: str) -> list[str]:
    return leave(shop, daily(*kept))


def leave(shop: Shop, kept: list[tuple[str, Cadence]]) -> list[str]:
    """As a change is applied."""

    def work(con: DuckDBPyConnection) -> list[str]:
        names = retire_marts(con, kept, SWITCH)
        name_commit(con, "a change", SWITCH)
        return names

    return shop.lake.unit_of_work(work)


def without_regions(shop: Shop) -> GateRequirements:
    return dataclasses.replace(shop.requirements, marts=(Mart("daily_sales", "order_date"),))


def tables_of_serving(shop: Shop) -> list[str]:
    rows = shop.lake.con.execute("select table_name from duckdb_tables() where schema_name = 'serving'").fetchall()
    return sorted(name for (name,) in rows)


@pytest.mark.slow
def test_a_mart_that_no_model_makes_leaves_serving_and_can_still_be_read_as_it_was(shop: Shop) -> None:
    shop.publish(BOTH, rows=2)
    before = shop.served("daily_sales_by_region")
    assert [(mart.name, mart.days) for mart in marts_without_model(shop.lake.con, daily("daily_sales"))] == [
        ("daily_sales_by_region", tuple(BOTH.days))
    ]
    assert retire(shop, "daily_sales") == ["daily_sales_by_region"]

    assert tables_of_serving(shop) == ["daily_sales"]
    assert {row.mart for row in newest_publications(shop.lake.con)} == {"daily_sales"}
    assert (
        marts_without_model(shop.lake.con, daily("daily_sales")),
        [each.day for each in due_again(shop.lake.con, [without_regions(shop)])],
    ) == ([], [])
    (retired,) = retired_marts(shop.lake.con)
    then = f"select * from serving.{retired.name} at (version => {retired.snapshot}) order by all"
    assert shop.lake.con.execute(then).fetchall() == before
    assert retire(shop, "daily_sales") == []

    # Where its model comes back, its days are due and published as they were.
    assert [each.day for each in due_again(shop.lake.con, [shop.requirements])] == BOTH.days
    shop.promote(BOTH)
    assert (shop.served("daily_sales_by_region"), retired_marts(shop.lake.con)) == (before, [])


def test_nothing_is_due_of_a_product_that_is_gone(shop: Shop) -> None:
    shop.publish(BOTH)
    shop.deliver(BOTH, fingerprint="changed")
    due = "select distinct partition from ops.due order by all"
    assert shop.lake.con.execute(due).fetchall() == [(day,) for day in BOTH.days]

    retire(shop)
    assert shop.lake.con.execute(due).fetchall() == []


@pytest.mark.slow
def test_what_the_ledger_never_published_is_left_alone(shop: Shop) -> None:
    shop.publish(BOTH)
    shop.lake.con.execute("create table serving.of_somebody_else as select 1 as x")
    assert retire(shop, *MARTS) == []
    assert retire(shop, "daily_sales") == ["daily_sales_by_region"]
    assert tables_of_serving(shop) == ["daily_sales", "of_somebody_else"]


def test_a_mart_of_another_cadence_begins_with_a_table_of_its_own(shop: Shop) -> None:
    shop.publish(BOTH)
    marts = [*daily("daily_sales"), ("daily_sales_by_region", Cadence.weekly)]
    assert leave(shop, marts) == ["daily_sales_by_region"]
