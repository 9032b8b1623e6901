"""The table of a model is of one shape on all the days it holds."""

from __future__ import annotations

import datetime as dt
import itertools

import duckdb
import pytest

from tidegate.errors import TidegateError
from tidegate.lake.connect import Lake
from tidegate.lake.tables import table_columns, types_not_wider
from tidegate.publishing.shape import ChangeOfShape, changes_of_shape, fit_model_table
from tidegate.window import ONE_DAY, Window

DAY = dt.date(2024, 6, 1)
TABLE = ("staging", "stg_sales")


def fit(lake: Lake, window: Window, price: str) -> None:
    columns = {"day": "DATE", "price": price}
    lake.unit_of_work(lambda con: fit_model_table(con, TABLE, columns, "day", "day", window))


def make(lake: Lake, table: tuple[str, str], columns: dict[str, str]) -> None:
    lake.unit_of_work(lambda con: fit_model_table(con, table, columns, None, "day", None))


def rows(lake: Lake) -> list[tuple[object, ...]]:
    return lake.con.execute(
        "select day, count(*), sum(price)::varchar from staging.stg_sales group by day order by day"
    ).fetchall()


def test_a_models_column_gets_another_type_on_all_days_at_once_or_on_none(lake: Lake) -> None:
    """A type that is only wider changes whatever the days are, and days that cannot be built then keep their rows."""
    one, both = Window.of_day(DAY), Window(DAY, DAY + 2 * ONE_DAY)
    fit(lake, both, "DECIMAL(18,2)")
    # More rows than DuckLake keeps in its catalog.
    lake.con.execute(
        "insert into staging.stg_sales select date '2024-06-01' + (i % 2)::integer, 1.25 from range(40) as r(i)"
    )
    with pytest.raises(TidegateError, match=r"stg_sales, price should become DECIMAL\(18,3\), .*: 2024-06-02\. "):
        fit(lake, one, "DECIMAL(18,3)")
    assert rows(lake) == [(DAY, 20, "25.00"), (DAY + ONE_DAY, 20, "25.00")]

    fit(lake, both, "DECIMAL(18,3)")
    assert table_columns(lake.con, [TABLE])[TABLE] == {"day": "DATE", "price": "DECIMAL(18,3)"}
    assert rows(lake) == [(DAY, 20, "25.000"), (DAY + ONE_DAY, 20, "25.000")]
    fit(lake, one, "DECIMAL(20,3)")
    assert rows(lake) == [(DAY, 20, "25.000"), (DAY + ONE_DAY, 20, "25.000")]


def test_what_would_change_of_a_tables_columns_is_said_before_anything_is_run(lake: Lake) -> None:
    served = ("serving", "daily_sales")
    there = {"day": "DATE", "orders": "BIGINT", "price": "DECIMAL(18,2)"}
    make(lake, served, there)
    make(lake, TABLE, there)

    def changes(**columns: str) -> list[ChangeOfShape]:
        return list(changes_of_shape(lake.con, {served: {"day": "date", **columns}}).values())

    # In another spelling, wider, and with one more.
    assert changes(orders="bigint", price="decimal(20, 2)", region="varchar") == []
    (renamed,) = changes(sales="bigint", price="decimal(18, 2)")
    assert (renamed.removed, renamed.added, renamed.retyped) == (["orders"], ["sales"], {})
    said = renamed.sentence(["sales"])
    assert said.startswith("serving.daily_sales has orders, which the project no longer has (new: sales). ")
    assert "Partitions of sales that are run are held" in said and "tidegate plan, then tidegate apply" in said
    (narrower,) = changes(orders="integer", price="varchar")
    assert narrower.retyped == {"orders": ("BIGINT", "INTEGER"), "price": ("DECIMAL(18,2)", "VARCHAR")}
    # In another layer a column that is no longer written does no harm; a type does.
    assert changes_of_shape(lake.con, {TABLE: {"day": "date"}}) == {}
    assert list(changes_of_shape(lake.con, {TABLE: {**there, "orders": "integer"}})) == [TABLE]
    # What was never made, or published, is of any shape.
    assert changes_of_shape(lake.con, {("serving", "other"): there}) == {}


TYPES = ("tinyint", "bigint", "uinteger", "double", "decimal(9,2)", "decimal(38,4)", "varchar", "date", "timestamp")


def test_a_type_is_said_to_be_wider_where_ducklake_takes_it(lake: Lake) -> None:
    for before, after in itertools.permutations(TYPES, 2):
        lake.con.execute("begin")
        lake.con.execute(f"create table staging.typed (x {before})")
        try:
            lake.con.execute(f"alter table staging.typed alter column x set data type {after}")
            taken = True
        except duckdb.Error:
            taken = False
        lake.con.execute("rollback")
        assert taken == (not types_not_wider(lake.con, {"x": before}, {"x": after})), f"{before} to {after}"
