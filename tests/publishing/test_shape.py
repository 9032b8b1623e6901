"""The table of a model is of one shape on all the days it holds."""

from __future__ import annotations

import datetime as dt

import pytest

from tidegate.errors import TidegateError
from tidegate.lake.connect import Lake
from tidegate.lake.tables import table_columns
from tidegate.publishing.shape import fit_model_table
from tidegate.window import ONE_DAY, Window

DAY = dt.date(2024, 6, 1)
TABLE = ("staging", "stg_sales")


def fit(lake: Lake, window: Window, price: str) -> None:
    columns = {"day": "DATE", "price": price}
    lake.unit_of_work(lambda con: fit_model_table(con, TABLE, columns, "day", "day", window))


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
