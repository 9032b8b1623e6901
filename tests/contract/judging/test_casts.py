"""A value is taken for what it says, or not at all."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from tidegate.contract.judging.verdicts import judge_select
from tidegate.contract.model import Contract
from tidegate.lake.sql import literal

INVALID = object()

# Judged rows hold naive timestamps, in UTC.
moment = dt.datetime

INTEGER = "physicalType: integer, logicalType: integer"
BIGINT = "logicalType: integer"
TINYINT = "logicalType: integer, logicalTypeOptions: {format: i8}"
UNSIGNED = "logicalType: integer, logicalTypeOptions: {format: u8}"
CENTS = "logicalType: number, physicalType: 'decimal(18,2)'"
FINE = "logicalType: number, physicalType: 'decimal(38,12)'"
LONG = "logicalType: integer, physicalType: bigint"
DECIMAL = "logicalType: number, physicalType: 'decimal(18,4)'"
WHOLE = "logicalType: number, physicalType: 'numeric(3,0)'"
DOUBLE = "logicalType: number, physicalType: double"
BOOLEAN = "logicalType: boolean"
DATE = "logicalType: date"
ENGLISH_DATE = "logicalType: date, logicalTypeOptions: {format: 'dd/MM/yyyy'}"
TIMESTAMP = "logicalType: timestamp"
AMERICAN_TIMESTAMP = "logicalType: timestamp, logicalTypeOptions: {format: 'M/d/yyyy H:mm'}"
ZONED_TIMESTAMP = """logicalType: timestamp, logicalTypeOptions: {format: "yyyyMMdd'T'HHmmssXXX"}"""
TIME = "logicalType: time"
COMPACT_DATE = "logicalType: date, logicalTypeOptions: {format: yyyyMMdd}"
TWO_DATES = "logicalType: date, logicalTypeOptions: {format: [dd.MM.yyyy, iso]}"
EITHER_WAY = "logicalType: date, logicalTypeOptions: {format: [dd/MM/yyyy, MM/dd/yyyy]}"
SHORT_YEAR = "logicalType: date, logicalTypeOptions: {format: dd.MM.yy}"
MILLIS = "logicalType: timestamp, logicalTypeOptions: {format: epoch_millis}"
SERIAL = "logicalType: timestamp, logicalTypeOptions: {format: excel_serial}"
CLOCK_TIME = "logicalType: time, logicalTypeOptions: {format: 'h:mm a'}"
STRING = "logicalType: string"

TEXTS: list[tuple[str, str, Any]] = [
    *[(INTEGER, text, 5) for text in ("5", "+5", "05", " 5 ")],
    (INTEGER, "-0", 0),
    (INTEGER, "2147483647", 2147483647),
    *[(INTEGER, text, 5) for text in ("5.0", "5.", "5.00", "5e0", "0.5E1", "50e-1")],
    *[(INTEGER, text, INVALID) for text in ("3.7", "5.01", "15e-1", "0x1F", "1_000", "1,000", "1e99", "1e9999", "e3")],
    *[(INTEGER, text, INVALID) for text in ("2147483648", "9" * 50, "five")],
    *[(INTEGER, text, INVALID) for text in ("\u0665", "5 5", "\t5", "5\n", "NULL", "nan", "--5", "+")],
    (BIGINT, "2147483648", 2147483648),
    (BIGINT, "9223372036854775808", INVALID),
    (TINYINT, "127", 127),
    (TINYINT, "128", INVALID),
    (UNSIGNED, "255", 255),
    (UNSIGNED, "-1", INVALID),
    (DECIMAL, "3.7", Decimal("3.7000")),
    *[(DECIMAL, text, Decimal("0.5")) for text in (".5", "0.5", "+0.50000000", " 0.5 ")],
    (DECIMAL, "-7", Decimal(-7)),
    (DECIMAL, "99999999999999.9999", Decimal("99999999999999.9999")),
    *[(DECIMAL, text, INVALID) for text in ("1.23456", "100000000000000", "1e14", "1_0.5", "1,5", "12.50 EUR")],
    *[(DECIMAL, text, INVALID) for text in ("NaN", "inf", ".", "-", "0x1")],
    (DECIMAL, "1.23E7", Decimal(12300000)),
    (DECIMAL, "-1.5e-3", Decimal("-0.0015")),
    (DECIMAL, "1.5e-5", INVALID),
    (DECIMAL, "9.9e13", Decimal(99000000000000)),
    (CENTS, "0.30000000000000004", Decimal("0.30")),
    (CENTS, "19.990000000000002", Decimal("19.99")),
    *[(CENTS, text, INVALID) for text in ("2.675", "0.300000000000004", "12345678901.239", "0.30000000000000000004")],
    (COMPACT_DATE, "20240229", dt.date(2024, 2, 29)),
    *[(COMPACT_DATE, text, INVALID) for text in ("2024123", "202435", "20240229x", "20240230", "2024-02-29")],
    (TWO_DATES, "29.02.2024", dt.date(2024, 2, 29)),
    (TWO_DATES, "2024-02-29", dt.date(2024, 2, 29)),
    (TWO_DATES, "29/02/2024", INVALID),
    # Two formats that say two days of one text say none.
    (EITHER_WAY, "02/01/2024", INVALID),
    (EITHER_WAY, "31/01/2024", dt.date(2024, 1, 31)),
    (EITHER_WAY, "01/01/2024", dt.date(2024, 1, 1)),
    (SHORT_YEAR, "31.12.24", dt.date(2024, 12, 31)),
    (MILLIS, "1709632800123", moment(2024, 3, 5, 10, 0, 0, 123_000)),
    (MILLIS, "1.709632800123E12", moment(2024, 3, 5, 10, 0, 0, 123_000)),
    *[(MILLIS, text, INVALID) for text in ("soon", "9" * 30, "2024-03-05", "1709632800123.00001")],
    (SERIAL, "45356.5", moment(2024, 3, 5, 12)),
    (SERIAL, "45356.423611111109", moment(2024, 3, 5, 10, 10)),
    *[(SERIAL, text, INVALID) for text in ("60", "-1", "2958466", "2024-03-05")],
    (CLOCK_TIME, "6:05 PM", dt.time(18, 5)),
    (CLOCK_TIME, "18:05", INVALID),
    (WHOLE, "999", Decimal(999)),
    (WHOLE, "999.00", Decimal(999)),
    (WHOLE, "99.5", INVALID),
    (WHOLE, "1000", INVALID),
    (DOUBLE, "1e3", 1000.0),
    (DOUBLE, "-.5E-3", -0.0005),
    *[(DOUBLE, text, INVALID) for text in ("nan", "inf", "-infinity", "1e999", "1_0", "1,5", "e3")],
    *[(BOOLEAN, text, True) for text in ("true", "TRUE", "True", "1", " true ")],
    *[(BOOLEAN, text, False) for text in ("false", "FALSE", "0")],
    *[(BOOLEAN, text, INVALID) for text in ("yes", "t", "2", "on", "wahr", "01")],
    *[
        (DATE, text, dt.date(2024, 2, 29))
        for text in ("2024-02-29", " 2024-02-29 ", "2024-02-29 00:00:00", "2024-02-29T00:00:00.000Z")
    ],
    *[
        (DATE, text, INVALID)
        for text in ("2023-02-29", "2024-2-9", "29.02.2024", "2024/02/29", "20240229", "2024-02-29x", "today")
    ],
    *[(DATE, text, INVALID) for text in ("2024-02-29 10:00:00", "-2024-02-29", "infinity")],
    *[(DATE, text, INVALID) for text in ("10000-01-01", "0000-01-01")],
    (DATE, "9999-12-31", dt.date(9999, 12, 31)),
    (ENGLISH_DATE, "29/02/2024", dt.date(2024, 2, 29)),
    (ENGLISH_DATE, "02/29/2024", INVALID),
    (ENGLISH_DATE, "2024-02-29", INVALID),
    *[
        (TIMESTAMP, text, moment(2024, 1, 1, 22, 30))
        for text in (
            "2024-01-01 22:30:00",
            "2024-01-01T22:30",
            " 2024-01-01 22:30:00 ",
            "2024-01-01T22:30:00Z",
            "2024-01-02T00:30:00+02:00",
            "2024-01-02 00:30:00+0200",
            "2024-01-01T17:30:00.000-05",
            "2024-01-02 04:00:00+05:30",
            "2024-01-01T22:30Z",
            "2024-01-02T04:00+0530",
            "2024-01-01 22:30:00 UTC",
            "2024-01-01 22:30 UTC",
            " 2024-01-01 23:30:00 +0100 ",
            "2024-01-01 23:30 +01:00",
            "2024-01-01T22:30:00,000Z",
        )
    ],
    (TIMESTAMP, "2024-01-01T22:30:00,25+00", moment(2024, 1, 1, 22, 30, 0, 250_000)),
    (TIMESTAMP, "2024-01-01", moment(2024, 1, 1)),
    (TIMESTAMP, "2024-01-01 01:02:03.123456789", moment(2024, 1, 1, 1, 2, 3, 123456)),
    (TIMESTAMP, "9999-12-31T23:59:59Z", moment(9999, 12, 31, 23, 59, 59)),
    *[
        (TIMESTAMP, text, INVALID)
        for text in (
            "2024-01-01 24:00:00",
            "2024-01-01 23:59:60",
            "2024-02-30 00:00:00",
            "2024-01-01 10:00:00 PM",
            "2024-01-01 00:00:00 Europe/Berlin",
            "2024-01-01T00:00:00+25:00",
            "2024-01-01T00:00 +25:00",
            "2024-02-30T00:00Z",
            "2024-01-01T10Z",
            "20240101T100000Z",
            "2024-01-01 10:00:00UTC+1",
            "9999-12-31T23:59:59-05:00",
            "01/02/2024 10:00",
            "1704067200",
            "epoch",
            "infinity",
            "now",
            "0044-03-15 (BC) 00:00:00",
        )
    ],
    (AMERICAN_TIMESTAMP, "12/1/2010 8:26", moment(2010, 12, 1, 8, 26)),
    (AMERICAN_TIMESTAMP, "13/1/2010 8:26", INVALID),
    (ZONED_TIMESTAMP, "20240102T003000+02:00", moment(2024, 1, 1, 22, 30)),
    (ZONED_TIMESTAMP, "20240101T223000Z", moment(2024, 1, 1, 22, 30)),
    (TIME, "18:30", dt.time(18, 30)),
    (TIME, "18:30:15.5", dt.time(18, 30, 15, 500000)),
    *[(TIME, text, INVALID) for text in ("24:00:00", "18:30+02", "6:30", "half past six")],
    *[(STRING, text, text) for text in (" x ", "NULL", "\u0000", "😀", "'; drop table x --", "a\nb")],
    *[(kind, "", None) for kind in (INTEGER, DECIMAL, BOOLEAN, DATE, ENGLISH_DATE, TIMESTAMP, TIME, STRING)],
]

# The SQL of a value as Parquet may hold it.
NATIVE: list[tuple[str, str, Any]] = [
    (INTEGER, "5::bigint", 5),
    (INTEGER, "5::utinyint", 5),
    (INTEGER, "3000000000::bigint", INVALID),
    (INTEGER, "5.0::double", 5),
    (INTEGER, "5.5::double", INVALID),
    (INTEGER, "'nan'::double", INVALID),
    (INTEGER, "'inf'::float", INVALID),
    (INTEGER, "5.0::decimal(9,2)", 5),
    (INTEGER, "5.5::decimal(9,2)", INVALID),
    (INTEGER, "true", INVALID),
    (INTEGER, "date '2024-01-01'", INVALID),
    (DECIMAL, "2.55::double", Decimal("2.55")),
    (DECIMAL, "2.55::float", Decimal("2.55")),
    (DECIMAL, "(0.1::double + 0.2::double)", Decimal("0.3")),
    (DECIMAL, "2.55555::double", INVALID),
    # Where a double's digits end, a cent off looks like noise.
    (CENTS, "10000000000.01::double", Decimal("10000000000.01")),
    (CENTS, "10000000000.005::double", INVALID),
    (CENTS, "12345678901.239::double", INVALID),
    (CENTS, "10000000000.0001::double", INVALID),
    (CENTS, "(12345678901.1::double + 0.2::double)", Decimal("12345678901.30")),
    (CENTS, "10000000000000.01::double", Decimal("10000000000000.01")),
    (CENTS, "100000000000000.02::double", INVALID),
    (CENTS, "-10000000000000.5::double", Decimal("-10000000000000.50")),
    (CENTS, "1234567.89::float", INVALID),
    (CENTS, "99999.99::float", Decimal("99999.99")),
    (CENTS, "0.000000000001::double", INVALID),
    (CENTS, "-0.0::double", Decimal(0)),
    (FINE, "12345678.5::double", Decimal("12345678.5")),
    (FINE, "4e-13::double", INVALID),
    (LONG, "9007199254740991::double", 9007199254740991),
    (LONG, "9007199254740993::double", INVALID),
    (LONG, "16777217::float", INVALID),
    (DECIMAL, "1e20::double", INVALID),
    (DECIMAL, "'nan'::double", INVALID),
    (DECIMAL, "5::integer", Decimal(5)),
    (DECIMAL, "9223372036854775807::bigint", INVALID),
    (DECIMAL, "2.5500000::decimal(38,20)", Decimal("2.55")),
    (DECIMAL, "2.5555555::decimal(38,20)", INVALID),
    (DOUBLE, "'nan'::double", INVALID),
    (DOUBLE, "2.5::decimal(9,2)", 2.5),
    (DOUBLE, "7::hugeint", 7.0),
    (BOOLEAN, "true", True),
    (BOOLEAN, "1::integer", True),
    (BOOLEAN, "2::integer", INVALID),
    (DATE, "date '2024-02-29'", dt.date(2024, 2, 29)),
    (DATE, "timestamp '2024-02-29 00:00:00'", dt.date(2024, 2, 29)),
    (DATE, "timestamp '2024-02-29 10:00:00'", INVALID),
    (DATE, "'infinity'::date", INVALID),
    (DATE, "date '0044-03-15 (BC)'", INVALID),
    (DATE, "20240229::integer", INVALID),
    (ENGLISH_DATE, "date '2024-02-29'", dt.date(2024, 2, 29)),
    (TIMESTAMP, "timestamp '2024-01-01 22:30:00'", moment(2024, 1, 1, 22, 30)),
    (TIMESTAMP, "timestamp_ns '2024-01-01 22:30:00.000000001'", moment(2024, 1, 1, 22, 30)),
    (TIMESTAMP, "timestamp_s '2024-01-01 22:30:00'", moment(2024, 1, 1, 22, 30)),
    (TIMESTAMP, "timestamptz '2024-01-02 00:30:00+02'", moment(2024, 1, 1, 22, 30)),
    (TIMESTAMP, "date '2024-01-01'", moment(2024, 1, 1)),
    (TIMESTAMP, "'infinity'::timestamp", INVALID),
    (TIMESTAMP, "1704067200::bigint", INVALID),
    (TIME, "time '18:30:00'", dt.time(18, 30)),
    (STRING, "42::bigint", "42"),
    (STRING, "4.50::decimal(9,2)", "4.50"),
    (STRING, "date '2024-01-01'", "2024-01-01"),
    (STRING, "timestamptz '2024-01-02 00:30:00+02'", "2024-01-01 22:30:00"),
    (STRING, "17850.0::double", INVALID),
    (STRING, "'ab'::blob", INVALID),
    (STRING, "[1, 2]", INVALID),
    (STRING, "{'a': 1}", INVALID),
    (STRING, "map {'a': 1}", INVALID),
    (INTEGER, "null::integer", None),
    (STRING, "null::blob", None),
]


def judged(
    con: duckdb.DuckDBPyConnection, contract: Contract, value: str, delivered_as: str
) -> tuple[Any, list[str] | None]:
    relation = f"(select {value} as x, 0 as _delivery, date '2024-01-01' as _day, 'f' as _file)"
    select = judge_select(contract, {"x": delivered_as}, relation)
    row = con.execute(f"select x, _reasons from ({select})").fetchone()
    assert row is not None
    return row[0], row[1]


@pytest.mark.parametrize(("kind", "text", "expected"), TEXTS)
def test_text(
    kind: str,
    text: str,
    expected: Any,
    contract_of: Callable[..., Contract],
    con: duckdb.DuckDBPyConnection,
) -> None:
    contract = contract_of(f"  - {{name: x, {kind}}}")
    value, reasons = judged(con, contract, literal(text), "VARCHAR")
    assert reasons == (["invalid_x"] if expected is INVALID else None)
    assert value == (None if expected is INVALID else expected)


EUROPEAN = (
    "{property: decimal, value: ','}, {property: thousands, value: '.'}, {property: currency, value: ['€', 'EUR']}"
)
WRITTEN: list[tuple[str, str, str, Any]] = [
    *[(DECIMAL, EUROPEAN, text, Decimal("1234.56")) for text in ("1.234,56", "1234,56", "1.234,56 €", "EUR 1.234,56")],
    *[
        (DECIMAL, EUROPEAN, text, Decimal("-1234.5"))
        for text in ("-1.234,5", "€ -1234,5", "-€1.234,50", "\u00a0-1.234,5")
    ],
    *[
        (DECIMAL, EUROPEAN, text, INVALID)
        for text in ("1.23", "1,234.56", "1.2345,6", "$1", "1,2,3", "€", "- ,", "--1")
    ],
    *[(DECIMAL, "{property: thousands, value: ' '}", f"1{blank}234.5", Decimal("1234.5")) for blank in " \u00a0\u202f"],
    (DECIMAL, "{property: thousands, value: ','}", "12,34,567.5", Decimal("1234567.5")),
    (DECIMAL, "{property: negatives, value: [parentheses, trailing, unicode]}", "(5.00)", Decimal(-5)),
    (DECIMAL, "{property: negatives, value: [parentheses, trailing, unicode]}", "5-", Decimal(-5)),
    (DECIMAL, "{property: negatives, value: [parentheses, trailing, unicode]}", "\u22125", Decimal(-5)),
    (DECIMAL, "{property: negatives, value: [parentheses, trailing, unicode]}", "(-5)", INVALID),
    (DECIMAL, "{property: negatives, value: [parentheses, trailing, unicode]}", "(5", INVALID),
    (DECIMAL, "{property: percent, value: number}", "12.5 %", Decimal("12.5")),
    (DECIMAL, "{property: percent, value: fraction}", "12.5%", Decimal("0.125")),
    (DECIMAL, "{property: percent, value: fraction}", "0.125", Decimal("0.125")),
    (INTEGER, EUROPEAN, "1.234", 1234),
    (INTEGER, EUROPEAN, "1,5", INVALID),
    (DOUBLE, EUROPEAN, "1.234,5", 1234.5),
    (BOOLEAN, "{property: trueWords, value: [Ja]}, {property: falseWords, value: [nein]}", "JA", True),
    (BOOLEAN, "{property: trueWords, value: [Ja]}, {property: falseWords, value: [nein]}", "true", INVALID),
    (DATE, "{property: nullWords, value: ['0000-00-00']}", "0000-00-00", None),
    (DATE, "{property: cutTime, value: true}", "2024-02-29 23:59:59", dt.date(2024, 2, 29)),
    (STRING, "{property: trim, value: true}", "\u00a0x y\t", "x y"),
    (STRING, "{property: nullWords, value: [k.A.]}", "k.A.", None),
    (STRING, "{property: nullWords, value: [k.A.]}", "k.A. ", "k.A. "),
]


@pytest.mark.parametrize(("kind", "properties", "text", "expected"), WRITTEN)
def test_text_that_is_written_as_the_contract_says(
    kind: str,
    properties: str,
    text: str,
    expected: Any,
    contract_of: Callable[..., Contract],
    con: duckdb.DuckDBPyConnection,
) -> None:
    contract = contract_of(f"  - {{name: x, {kind}, customProperties: [{properties}]}}")
    value, reasons = judged(con, contract, literal(text), "VARCHAR")
    assert reasons == (["invalid_x"] if expected is INVALID else None)
    assert value == (None if expected is INVALID else expected)


@pytest.mark.parametrize(("kind", "sql", "expected"), NATIVE)
def test_parquet_value(
    kind: str, sql: str, expected: Any, contract_of: Callable[..., Contract], con: duckdb.DuckDBPyConnection
) -> None:
    contract = contract_of(f"  - {{name: x, {kind}}}")
    [delivered_as] = con.execute(f"select typeof({sql})").fetchone() or ()
    value, reasons = judged(con, contract, sql, delivered_as)
    assert reasons == (["invalid_x"] if expected is INVALID else None)
    assert value == (None if expected is INVALID else expected)
