"""Content hashes are equal exactly when the rows are."""

from __future__ import annotations

import datetime as dt
import random

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.examples import examples
from tests.support.lake.queries import day_content

from tidegate.lake.content import Content, content_of
from tidegate.lake.sql import rows_relation

COLUMNS = {"k": "varchar", "a": "decimal(18,4)", "d": "date"}


def hash_of(sql: str) -> Content:
    return content_of(duckdb.connect(), sql)


SAME = [
    ("select 1 as a, 2 as b", "select 2 as b, 1 as a"),
    ("select 1 as a, null as b", "select 1 as a"),
    ("select unnest([1, 2, 2]) as a", "select unnest([2, 1, 2]) as a"),
    ("select 1 as a where false", "select 'x' as b where false"),
    ("select 1::int as a", "select 1::bigint as a"),
]
DIFFERENT = [
    ("select unnest([1, 2, 2]) as a", "select unnest([1, 1, 2]) as a"),
    ("select unnest([1, 2]) as a", "select unnest([1, 2, 2]) as a"),
    ("select 1 as a, 2 as b", "select 2 as a, 1 as b"),
    ("select 1 as a", "select 1 as b"),
    ("select null as a", "select '' as a"),
    ("select null as a", "select 'null' as a"),
    ("select null as a", "select 1 as a where false"),
    ("select 'a' as a, 'bc' as b", "select 'ab' as a, 'c' as b"),
    ("select 'x' as a, null as b", "select null as a, 'x' as b"),
    ("select 'xb=1:y' as a, null as b", "select 'x' as a, 'y' as b"),
    ("select ['a, b'] as a", "select ['a', 'b'] as a"),
    ("select 1.50 as a", "select 1.5 as a"),
    ("select [1, null] as a", "select [1] as a"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_rows_have_the_same_hash(one: str, other: str) -> None:
    assert hash_of(one) == hash_of(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_other_rows_have_another_hash(one: str, other: str) -> None:
    assert hash_of(one).hash != hash_of(other).hash


def test_hashes_stay_what_they_are_from_version_to_version() -> None:
    # Written down by DuckDB 1.5.5: hashes of old publications must stay comparable.
    rows = (
        "select * from (values ('ä', 1.5::decimal(18,4), date '2024-06-01', ['x']), (null, -2, null, [])) t(k, a, d, l)"
    )
    assert hash_of(rows) == Content(2, "ec88ce3dc3c244470827604678621d75")
    assert hash_of("select 1 as a where false") == Content(0, "90e48cd0d5d9ad4fa889c6194452bea7")


ROWS = st.lists(
    st.tuples(
        st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
        st.none() | st.decimals(-99, 99, places=4),
        st.none() | st.dates(dt.date(1, 1, 1)),
    ),
    max_size=12,
)


@examples(30)
@given(ROWS, st.randoms(use_true_random=False))
def test_order_and_threads_do_not_matter_but_every_row_does(
    rows: list[tuple[object, ...]], shuffler: random.Random
) -> None:
    con = duckdb.connect(config={"threads": 2})
    shuffled = shuffler.sample(rows, len(rows))
    content = content_of(con, rows_relation(COLUMNS, rows))
    assert content == content_of(con, rows_relation(COLUMNS, shuffled))
    assert content.rows == len(rows)
    if rows:
        assert content_of(con, rows_relation(COLUMNS, rows[1:])).hash != content.hash
        assert content_of(con, rows_relation(COLUMNS, [*rows, rows[0]])).hash != content.hash


def test_a_day_is_hashed_alone() -> None:
    con = duckdb.connect()
    con.execute(
        "create schema raw; create table raw.t as select unnest([date '2024-06-01', '2024-06-02']) as d, 1 as n"
    )
    assert day_content(con, "raw", "t", "d", dt.date(2024, 6, 2)) == hash_of("select date '2024-06-02' as d, 1 as n")
