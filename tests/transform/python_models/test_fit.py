"""What a model in Python returns is what its columns promise, or is refused with a sentence; null is one thing."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from tests.support.python_models import python_model, rows_of

from tidegate.transform.python_models.trouble import PythonModelError

DAY = dt.date(2024, 1, 2)
IMPORTS = """
import datetime as dt
from decimal import Decimal
import numpy as np
import pandas as pd

DAY = dt.date(2024, 1, 2)
"""
MODEL = """
def model(dbt, session):
    return pd.DataFrame({{"day": [DAY, DAY, DAY], "value": {values}}})
"""


def values_of(values: str, promised: str, *, units: bool = False) -> list[object]:
    model = python_model(IMPORTS + MODEL.format(values=values), columns={"day": "date", "value": promised}, units=units)
    return [value for _, value in rows_of(model)]


@pytest.mark.parametrize(
    ("values", "promised", "expected"),
    [
        ("[Decimal('1.10'), Decimal('2'), None]", "decimal(18, 2)", [Decimal("1.10"), Decimal("2.00"), None]),
        # Beyond what a float has, and what DuckDB would make of objects that it looks at itself.
        ("[Decimal('9' * 34 + '.1234'), 0, None]", "decimal(38, 4)", [0, Decimal("9" * 34 + ".1234"), None]),
        ("np.array([10**18 + 1, None, 3], dtype=object)", "bigint", [3, 10**18 + 1, None]),
        ("pd.array([1, None, 2], dtype='Int64')", "integer", [1, 2, None]),
        ("np.array([1, 2, 3], dtype='uint8')", "bigint", [1, 2, 3]),
        ("[1, 2, 3]", "double", [1.0, 2.0, 3.0]),
        # However its type is spelled.
        ("[1, 2, 3]", "int", [1, 2, 3]),
        ("['a', 'b', 'c']", "text", ["a", "b", "c"]),
        ("[Decimal('1.5'), 2, 3]", "numeric(9,1)", [Decimal("1.5"), Decimal("2.0"), Decimal("3.0")]),
        ("['a', None, float('nan')]", "varchar", ["a", None, None]),
        ("np.array(['a', None, pd.NA], dtype=object)", "varchar", ["a", None, None]),
        ("[1.5, float('nan'), None]", "double", [1.5, None, None]),
        ("[None, None, None]", "decimal(18, 2)", [None, None, None]),
        ("[True, None, False]", "boolean", [False, True, None]),
        ("pd.to_datetime(['2024-01-02', None, '2024-01-03'])", "date", [DAY, dt.date(2024, 1, 3), None]),
        ("[DAY, None, pd.NaT]", "date", [DAY, None, None]),
        (
            "[dt.datetime(2024, 1, 2, 3), pd.NaT, None]",
            "timestamp",
            [dt.datetime.fromisoformat("2024-01-02 03:00"), None, None],
        ),
    ],
)
def test_a_column_arrives_as_promised_and_whatever_says_null_is_null(
    values: str, promised: str, expected: list[object]
) -> None:
    assert values_of(values, promised) == expected


def test_amounts_in_units_are_whole_numbers_of_the_smallest_unit() -> None:
    assert values_of("pd.array([150, -1, None], dtype='Int64')", "decimal(38, 4)", units=True) == [
        Decimal("-0.0001"),
        Decimal("0.0150"),
        None,
    ]


@pytest.mark.parametrize(
    ("values", "promised", "sentence"),
    [
        ("[1.1, 2.2, 3.3]", "decimal(18, 2)", r"holds floats where decimal\(18, 2\) is promised. A float is not exact"),
        (
            "[1, 2, None]",
            "bigint",
            r"holds floats where bigint is promised. .* makes floats of whole numbers where one",
        ),
        ("np.array([1, 'a', None], dtype=object)", "varchar", "holds values of several kinds: int, str where varchar"),
        (
            "np.array([dt.datetime(2024, 1, 2), dt.datetime(2024, 1, 2, tzinfo=dt.UTC), None], dtype=object)",
            "timestamp",
            "holds values of several kinds",
        ),
        ("pd.to_datetime(['2024-01-02'] * 3, utc=True)", "timestamp", r"holds times with a zone .*tz_convert\('UTC'\)"),
        (
            "pd.to_datetime(['2024-01-02'] * 3)",
            "timestamp with time zone",
            r"holds times without a zone .*tz_localize\('UTC'\)",
        ),
        ("pd.Categorical(['a', 'b', None])", "varchar", r"holds categories where varchar .*\.astype\('str'\)"),
        ("['2024-01-02', None, None]", "date", "holds text where date is promised"),
        ("[Decimal('1'), None, None]", "double", "holds decimals where double is promised"),
        ("[True, False, None]", "bigint", "holds booleans where bigint is promised"),
        ("np.array([[1], [2], [3]], dtype=object).tolist()", "varchar", "holds values of the type list"),
        (
            "[Decimal('1.005'), None, None]",
            "decimal(18, 2)",
            r"holds values in 1 row that decimal\(18, 2\) has not.*1\.005",
        ),
        (
            "[Decimal('1e17'), Decimal('1'), None]",
            "decimal(18, 2)",
            r"holds values in 1 row that decimal\(18, 2\) has not",
        ),
        ("[300, 1, 2]", "tinyint", r"holds values in 1 row that tinyint has not.*\(day=2024-01-02[^,]*, value=300\)"),
        ("[2**53 + 1, 1, 2]", "double", "holds values in 1 row that double has not"),
        ("pd.to_datetime(['2024-01-02 01:00'] * 3)", "date", "holds values in 3 rows that date has not"),
    ],
)
def test_a_column_that_is_something_else_is_refused_with_its_first_rows(
    values: str, promised: str, sentence: str
) -> None:
    with pytest.raises(PythonModelError, match=f"(?s)2024-01-02..2024-01-04 returned a table.*column value {sentence}"):
        values_of(values, promised)


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        ("[1]", "it returned list, which is no table"),
        ("pd.DataFrame({'day': [DAY]})", "it lacks the column amount, name, units, which its YAML promises"),
        ("pd.DataFrame({'day': [DAY], 'name': ['a']}).set_index('name')", r"name is the index.*reset_index\(\)"),
        ("pd.DataFrame([[DAY, DAY]], columns=['day', 'day'])", "two columns named day"),
        (
            "pd.DataFrame({'day': [DAY], 'name': ['a'], 'units': [1], 'amount': [1], 'more': [1]})",
            "it has the column more, which its YAML does not promise",
        ),
        (
            "pd.DataFrame({'day': [dt.date(2024, 1, 5), None], 'name': ['a', 'b'], 'units': 1, 'amount': 1})",
            r"rows whose day is not among the days that were asked for.*\(day=2024-01-05, name=a",
        ),
    ],
)
def test_another_table_than_promised_is_refused(returned: str, sentence: str) -> None:
    code = f"{IMPORTS}\ndef model(dbt, session):\n    return {returned}\n"
    with pytest.raises(PythonModelError, match=f"(?s){sentence}.*Nothing of it was changed"):
        rows_of(python_model(code))


PANDAS = """
def model(dbt, session):
    orders = dbt.ref("orders").df()
    orders["amount"] = orders["price"] * orders["units"]
    sums = orders.groupby(["day", "name"], as_index=False)[["units", "amount"]].sum()
    return sums
"""
POLARS = """
import polars as pl

def model(dbt, session):
    orders = dbt.ref("orders").pl()
    return orders.group_by("day", "name").agg(
        pl.col("units").sum().cast(pl.Int64), (pl.col("price") * pl.col("units")).sum().alias("amount")
    )
"""
ARROW = """
import pyarrow as pa
import pyarrow.compute as pc

def model(dbt, session):
    orders = dbt.ref("orders").to_arrow_table()
    amount = pc.multiply(orders["price"], orders["units"].cast(pa.int32()).cast(pa.decimal128(10, 0)))
    orders = orders.append_column("amount", amount)
    sums = orders.group_by(["day", "name"]).aggregate([("units", "sum"), ("amount", "sum")])
    return sums.rename_columns(["day", "name", "units", "amount"])
"""
RELATION = """
def model(dbt, session):
    return dbt.ref("orders").aggregate("day, name, sum(units) as units, sum(price * units) as amount")
"""
ORDERS = """
select date '2024-01-02' + cast(i % 3 as integer) as day, 'n' || i % 2 as name, cast(i as bigint) as units,
    cast(i * 0.01 as decimal(9, 2)) as price
from range(100) as numbers (i)
"""


@pytest.mark.parametrize("code", [POLARS, ARROW, RELATION], ids=["polars", "arrow", "relation"])
def test_pandas_polars_arrow_and_duckdb_give_the_same_for_the_same_arithmetic(code: str) -> None:
    assert rows_of(python_model(code), orders=ORDERS) == rows_of(python_model(PANDAS), orders=ORDERS)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (
            "import polars as pl\ndef model(dbt, session):\n"
            "    return dbt.ref('rows').pl().with_columns(name=pl.col('name').cast(pl.Categorical))",
            "the column name holds categories",
        ),
        (
            "def model(dbt, session):\n    rows = dbt.ref('rows').to_arrow_table()\n"
            "    return rows.set_column(1, 'name', rows['name'].dictionary_encode())",
            "the column name holds categories",
        ),
        (
            "import polars as pl\ndef model(dbt, session):\n"
            "    return dbt.ref('rows').pl().with_columns(amount=pl.col('amount').cast(pl.Float64))",
            "the column amount holds floats",
        ),
        (
            "def model(dbt, session):\n    return dbt.ref('rows').project('day, name, units, amount * 0.1 as amount')",
            "the column amount holds values in 1 row",
        ),
    ],
)
def test_what_polars_arrow_and_duckdb_return_is_held_to_the_same(code: str, sentence: str) -> None:
    rows = "select date '2024-01-02' as day, 'a' as name, 1::bigint as units, 1.01::decimal(18, 2) as amount"
    with pytest.raises(PythonModelError, match=sentence):
        rows_of(python_model(code), rows=rows)
