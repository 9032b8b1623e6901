"""Whatever a name or a value holds, it stays one name or one value."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.examples import examples

from tidegate.lake.sql import Value, day_in, literal, qualified, quoted, rows_relation

HOSTILE = [
    'a"b',
    "x; drop table y",
    "'; drop table y; --",
    "Größe",
    "日本",
    "a.b",
    "a\nb",
    "select",
    "\\",
    "$$",
    "%s {} ?",
]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize(
    ("value", "sql"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (-7, "-7"),
        ("it's", "'it''s'"),
        ("a\0b", "('a' || chr(0) || 'b')"),
        (Decimal("1.2300"), "1.2300"),
        (Decimal("1E+3"), "1000"),
        (dt.date(2024, 2, 29), "date '2024-02-29'"),
        (
            dt.datetime(2024, 2, 29, 1, 2, 3, 4),  # noqa: DTZ001 - naive is the point
            "timestamp '2024-02-29 01:02:03.000004'",
        ),
        (
            dt.datetime(2024, 2, 29, 1, tzinfo=dt.timezone(dt.timedelta(hours=2))),
            "timestamp '2024-02-28 23:00:00'",
        ),
        ([1, "a", None], "[1, 'a', null]"),
        ((), "[]"),
    ],
)
def test_literal_writes(value: Value, sql: str) -> None:
    assert literal(value) == sql


def test_many_days_are_one_text_and_the_same_list() -> None:
    days = [dt.date(2016, 1, 1) + dt.timedelta(days=number) for number in range(3_653)]
    assert literal(days).count("'") == 4
    assert duckdb.connect().execute(f"select {literal(days)}, typeof({literal(days)})").fetchone() == (days, "DATE[]")
    moments = [dt.datetime(2016, 1, 1, hour % 24) for hour in range(40)]  # noqa: DTZ001 - as the ledger has them
    assert duckdb.connect().execute(f"select {literal(moments)}").fetchone() == (moments,)


def test_literal_refuses_what_has_no_literal() -> None:
    with pytest.raises(TypeError):
        literal({"a": 1})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="NaN"):
        literal(Decimal("NaN"))


@pytest.mark.parametrize("name", ["", "a\0b"])
def test_quoted_refuses_what_is_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        quoted(name)


def test_qualified_joins_names() -> None:
    assert qualified("raw", 'a"b') == '"raw"."a""b"'


def test_day_in_is_half_open() -> None:
    condition = day_in("d", dt.date(2024, 1, 1), dt.date(2024, 1, 2))
    assert condition == "(\"d\" >= date '2024-01-01' and \"d\" < date '2024-01-02')"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_one_name(name: str) -> None:
    con = duckdb.connect()
    con.execute("create table y as select 1 as i")
    con.execute(f"create table {quoted(name)} ({quoted(name)} integer)")
    con.execute(f"insert into {quoted(name)} ({quoted(name)}) values (1)")
    tables = {table for (table,) in con.execute("select table_name from duckdb_tables()").fetchall()}
    assert tables == {"y", name}
    assert con.execute(f"select {quoted(name)} from {quoted(name)}").fetchall() == [(1,)]


@examples(50)
@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_any_text_comes_back(texts: list[str]) -> None:
    con = duckdb.connect()
    selected = ", ".join(f"{literal(text)} as c{i}" for i, text in enumerate(texts))
    assert con.execute(f"select {selected}").fetchone() == tuple(texts)
    assert con.execute(f"select {literal(texts)}").fetchone() == (texts,)


ROWS = st.lists(
    st.tuples(
        st.none() | TEXTS,
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.booleans(),
        st.none() | st.dates(dt.date(1, 1, 1)),
        st.none() | st.datetimes(),
        st.none() | st.decimals(-99999, 99999, places=4),
        st.none() | st.lists(st.dates(dt.date(1, 1, 1)), max_size=3),
    ),
    max_size=5,
)


@examples(50)
@given(ROWS)
def test_any_rows_come_back(rows: list[tuple[object, ...]]) -> None:
    types = ["varchar", "bigint", "boolean", "date", "timestamp", "decimal(18,4)", "date[]"]
    columns = {f"{i} {HOSTILE[i]}": sql_type for i, sql_type in enumerate(types)}
    found = duckdb.connect().execute(rows_relation(columns, rows))
    assert [name for name, *_ in found.description or []] == list(columns)
    assert found.fetchall() == rows


def test_a_name_that_is_no_utf8_is_written_with_question_marks() -> None:
    assert duckdb.connect().execute(f"select {literal('a' + chr(0xDC80))}").fetchone() == ("a?",)
