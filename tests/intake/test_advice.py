"""A value that an option of the contract would have read names the option."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import duckdb
import pytest
from tests.support.intake.fixtures import OpenShop
from tests.support.intake.shop import SALES, csv, row

from tidegate.contract.files import PLAIN_VALUES, ValueOptions
from tidegate.contract.model import Column
from tidegate.intake.advice import advice

AMOUNT = Column("amount", "DECIMAL(18,2)", "number")
DAY = Column("d", "DATE", "date")
AT = Column("at", "TIMESTAMP", "timestamp")
PAID = Column("paid", "BOOLEAN", "boolean")
ODD = Column('od/d~"n', "INTEGER", "integer")


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


@pytest.mark.parametrize(
    ("column", "texts", "said"),
    [
        (
            AMOUNT,
            ["1.234,56 €", "-12,00 €"],
            "`decimal: ','` and `thousands: \".\"` and `currency: [€]` would read 2 of 2",
        ),
        (AMOUNT, ["12,5", "3,25"], "`decimal: ','` would read 2 of 2"),
        (AMOUNT, ["1,234.50", "2,000.00"], '`thousands: ","` would read 2 of 2'),
        (AMOUNT, ["(5.00)", "7.00-"], "`negatives: [parentheses, trailing]`"),
        (AMOUNT, ["12,5", "3,25", "k.A."], "2 of 3 of these, such as '12,5'; `nullWords: ['k.A.']`"),
        (AMOUNT, ["N/A", "-"], "amount: `nullWords: ['-', 'N/A']` if these stand for no value"),
        (DAY, ["31.12.2024", "01.02.2024"], "`format: dd.MM.yyyy` would read 2 of 2"),
        (DAY, ["01/02/2024"], "`format: dd/MM/yyyy` or `format: MM/dd/yyyy`"),
        (DAY, ["2024-03-05 10:00:00"], "`cutTime: true`"),
        (AT, ["31.12.2024 10:00"], "`format: dd.MM.yyyy HH:mm`"),
        (AT, ["1709632800"], "`format: epoch_seconds`"),
        (PAID, ["ja", "nein"], "`trueWords: [ja]` and `falseWords: [nein]`"),
        (ODD, ["1.234", "2.500"], '`thousands: "."`'),
    ],
)
def test_an_option_that_would_read_the_values_is_named(
    con: duckdb.DuckDBPyConnection, column: Column, texts: list[str], said: str
) -> None:
    assert said in advise(con, column, texts)


@pytest.mark.parametrize(
    ("values", "texts", "said"),
    [
        (replace(PLAIN_VALUES, decimal=","), ["4.40", "2.50"], "amount: `decimal: '.'` would read 2 of 2"),
        (
            replace(PLAIN_VALUES, thousands=","),
            ["4,40", "1250,1"],
            "amount: `decimal: ','` and no `thousands` or",
        ),
    ],
)
def test_what_the_contract_says_already_is_compared_with(
    con: duckdb.DuckDBPyConnection, values: ValueOptions, texts: list[str], said: str
) -> None:
    assert said in advise(con, AMOUNT, texts, values)


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        (AMOUNT, ["x1", "y2", "z3", "w4"]),
        (AMOUNT, ["'; drop table x; --", "1" * 500]),
        (DAY, ["2024-02-30", "2023-02-29"]),
        (Column("t", "VARCHAR", "string"), ["a"]),
    ],
)
def test_where_no_option_helps_none_is_named(con: duckdb.DuckDBPyConnection, column: Column, texts: list[str]) -> None:
    assert "would read" not in advise(con, column, texts)
    assert "nullWords" not in advise(con, column, texts)


def advise(
    con: duckdb.DuckDBPyConnection, column: Column, texts: list[str], values: ValueOptions = PLAIN_VALUES
) -> str:
    con.execute("create or replace temp table judged (_delivery integer, _reasons varchar[], _raw varchar)")
    for text in texts:
        made = con.execute("select to_json(map {$1: $2})::varchar", [column.name, text]).fetchall()[0][0]
        con.execute("insert into judged values (0, [$1], $2)", [column.invalid, made])
    contract = _Columns((column,))
    return "; ".join(advice(con, contract, values, "judged", 0))  # type: ignore[arg-type]  # all that it reads


class _Columns:
    """Of a contract, what advice reads."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self.columns = columns


def test_a_rejection_names_options_rules_and_causes(open_shop: OpenShop) -> None:
    shop = open_shop(SALES)
    lines = [row(n, price='"1,50"') for n in range(8)]
    report = shop.load_one("north", csv(*lines, "too,short", 's9,1,"x,1.5,2024-03-01T10:00:00Z', "a,b,c,d,e,f"))

    assert report.rejection
    assert "most often invalid_price 8, unparsable_line 3 (" in report.rejection
    assert "1 with too few fields" in report.rejection
    assert "1 with too many fields" in report.rejection
    assert "1 with a quote out of place" in report.rejection
    assert "In the contract, price: `decimal: ','` would read 8 of 8 of these, such as '1,50'." in report.rejection
