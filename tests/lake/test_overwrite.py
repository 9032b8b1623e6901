"""Overwriting a window leaves exactly the new rows in it, and everything else as it was."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.examples import examples
from tests.support.lake.queries import overwrite_window

from tidegate.errors import ColumnTypeError, TidegateError
from tidegate.lake.sql import qualified, rows_relation
from tidegate.lake.tables import ensure_table, table_columns
from tidegate.window import ONE_DAY, Window

if TYPE_CHECKING:
    from tests.support.lake.shop import Home

    from tidegate.lake.connect import Lake

DAY = dt.date(2024, 6, 1)
COLUMNS = {"day": "date", "region": "varchar", "n": "bigint"}
T = ("raw", "t")


def overwrite(lake: Lake, window: Window, rows: list[tuple[dt.date, str, int]], region: str | None = None) -> int:
    extra = {"region": region} if region is not None else None
    return lake.unit_of_work(lambda con: overwrite_window(con, T, "day", window, rows_relation(COLUMNS, rows), extra))


def content(lake: Lake) -> list[tuple[object, ...]]:
    return lake.con.execute("select day, region, n from raw.t order by all").fetchall()


def make_table(lake: Lake, partitioned_by: str | None = "day") -> None:
    lake.unit_of_work(lambda con: ensure_table(con, *T, COLUMNS, partitioned_by))


def rows_of(day: dt.date, count: int, region: str = "a", start: int = 0) -> list[tuple[dt.date, str, int]]:
    return [(day, region, start + i) for i in range(count)]


def test_running_again_leaves_the_same(lake: Lake) -> None:
    make_table(lake)
    rows = rows_of(DAY, 50)
    assert [overwrite(lake, Window.of_day(DAY), rows) for _ in range(3)] == [50, 50, 50]
    assert content(lake) == rows


def test_an_empty_window_empties_and_neighbours_stay(lake: Lake) -> None:
    make_table(lake)
    days = Window(DAY, DAY + 3 * ONE_DAY).days
    overwrite(lake, Window(DAY, days[-1] + ONE_DAY), [row for day in days for row in rows_of(day, 20)])
    assert overwrite(lake, Window.of_day(days[1]), []) == 0
    assert content(lake) == [*rows_of(days[0], 20), *rows_of(days[2], 20)]


def test_only_the_named_region_is_replaced(lake: Lake) -> None:
    make_table(lake)
    for region in ("a", "b'; --"):
        overwrite(lake, Window.of_day(DAY), rows_of(DAY, 3, region), region)
    overwrite(lake, Window.of_day(DAY), rows_of(DAY, 1, "b'; --", start=9), "b'; --")
    assert content(lake) == [*rows_of(DAY, 3), (DAY, "b'; --", 9)]


@pytest.mark.parametrize(
    ("row", "region"),
    [((DAY + ONE_DAY, "a", 1), None), ((DAY - ONE_DAY, "a", 1), None), ((None, "a", 1), None), ((DAY, "b", 1), "a"),
     ((DAY, None, 1), "a")],
)  # fmt: skip
def test_a_row_outside_of_the_window_is_refused_and_the_old_rows_stay(
    lake: Lake, row: tuple[dt.date, str, int], region: str | None
) -> None:
    make_table(lake)
    overwrite(lake, Window.of_day(DAY), rows_of(DAY, 5))
    with pytest.raises(duckdb.InvalidInputException, match="outside of the window"):
        overwrite(lake, Window.of_day(DAY), [*rows_of(DAY, 1), row], region)
    assert content(lake) == rows_of(DAY, 5)


def test_rows_that_the_select_leaves_out_are_not_held_against_it(lake: Lake) -> None:
    make_table(lake)
    everything = [row for i in range(30) for row in rows_of(DAY + i * ONE_DAY, 100)]
    overwrite(lake, Window(DAY, DAY + 30 * ONE_DAY), everything)
    lake.con.execute("create table staging.source as select * from raw.t")
    select = "select * from staging.source where n < 7 and day >= '2024-06-05' and day < '2024-06-06'"
    day = Window.of_day(dt.date(2024, 6, 5))
    assert lake.unit_of_work(lambda con: overwrite_window(con, T, "day", day, select)) == 7


def test_columns_go_by_name_and_missing_ones_are_null(lake: Lake) -> None:
    make_table(lake)
    select = "select 7 as n, date '2024-06-01' as day"
    lake.unit_of_work(lambda con: overwrite_window(con, T, "day", Window.of_day(DAY), select))
    assert content(lake) == [(DAY, None, 7)]


def test_a_year_is_one_file_a_day(lake: Lake) -> None:
    make_table(lake)
    window = Window(DAY, DAY + 60 * ONE_DAY)
    select = "select date '2024-06-01' + (i % 60)::int as day, 'a' as region, i as n from range(300000) as r(i)"
    lake.unit_of_work(lambda con: overwrite_window(con, T, "day", window, select))
    files = lake.con.execute("select count(*) from ducklake_list_files('lake', 't', schema => 'raw')").fetchone()
    assert files == (60,)


@pytest.mark.parametrize("name", ['a"b', "x; drop table y", "größe 日本", "'--", "a.b", "select"])
def test_hostile_names_are_names(lake: Lake, name: str) -> None:
    columns = {name: "date", f"{name} 2": "varchar"}
    select = rows_relation(columns, [(DAY, name)])

    def work(con: duckdb.DuckDBPyConnection) -> int:
        ensure_table(con, "raw", name, columns, name)
        return overwrite_window(con, ("raw", name), name, Window.of_day(DAY), select, {f"{name} 2": name})

    assert [lake.unit_of_work(work) for _ in range(2)] == [1, 1]
    assert lake.con.execute(f"select * from {qualified('raw', name)}").fetchall() == [(DAY, name)]


STEPS = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.integers(1, 3),
        st.sampled_from([0, 1, 3, 30]),
        st.sampled_from([None, "a", "b"]),
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.slow
@pytest.mark.parametrize("partitioned_by", ["day", None])
@examples(8)
@given(steps=STEPS)
def test_any_sequence_leaves_what_was_written_last(
    lake: Lake, partitioned_by: str | None, steps: list[tuple[int, int, int, str | None]]
) -> None:
    lake.con.execute("drop table if exists raw.t")
    make_table(lake, partitioned_by)
    expected: dict[tuple[dt.date, str], list[tuple[dt.date, str, int]]] = {}
    for number, (first, length, count, region) in enumerate(steps):
        window = Window(DAY + first * ONE_DAY, DAY + (first + length) * ONE_DAY)
        regions = [region] if region else ["a", "b"]
        new = {(day, name): rows_of(day, count, name, number * 100) for day in window.days for name in regions}
        overwrite(lake, window, [row for rows in new.values() for row in rows], region)
        expected.update(new)
    assert content(lake) == sorted(row for rows in expected.values() for row in rows)


def test_ensure_table_creates_adds_and_widens(lake: Lake) -> None:
    def ensure(columns: dict[str, str]) -> dict[str, str]:
        lake.unit_of_work(lambda con: ensure_table(con, *T, columns, None))
        return table_columns(lake.con, [T])[T]

    assert ensure({"day": "date", "n": "int"}) == {"day": "DATE", "n": "INTEGER"}
    lake.con.execute("insert into raw.t values ('2024-06-01', 1)")
    assert ensure({"day": "date", "N": "integer"}) == {"day": "DATE", "n": "INTEGER"}
    wider = {"day": "date", "n": "bigint", "s": "text", "l": "varchar[]"}
    assert ensure(wider) == {"day": "DATE", "n": "BIGINT", "s": "VARCHAR", "l": "VARCHAR[]"}
    assert ensure({"day": "date"}) == {"day": "DATE", "n": "BIGINT", "s": "VARCHAR", "l": "VARCHAR[]"}
    assert lake.con.execute("select * from raw.t").fetchall() == [(DAY, 1, None, None)]


def test_ensure_table_does_not_narrow(lake: Lake) -> None:
    make_table(lake)
    with pytest.raises(TidegateError, match=r"Column n of raw.t holds BIGINT and should become DATE"):
        lake.unit_of_work(lambda con: ensure_table(con, *T, {**COLUMNS, "n": "date"}, None))


def test_no_value_is_rounded_by_a_type_that_counts_as_wider(lake: Lake) -> None:
    """DuckLake takes a decimal(38,3) for wider than a decimal(38,4), and a float than a bigint."""
    create = {"day": "date", "price": "decimal(38,4)", "n": "bigint"}
    lake.unit_of_work(lambda con: ensure_table(con, *T, create, None))
    lake.con.execute("insert into raw.t values ('2024-01-01', 1.2345, 9007199254740993)")
    with pytest.raises(ColumnTypeError, match=r"Column price of raw.t holds .*, and column n of raw.t holds BIGINT"):
        lake.unit_of_work(lambda con: ensure_table(con, *T, {"price": "decimal(38,3)", "n": "float"}, None))
    assert lake.con.execute("select price::varchar, n from raw.t").fetchall() == [("1.2345", 9007199254740993)]


@pytest.mark.parametrize("sql_type", ["hugeint", "UHUGEINT[]", "struct(a varchar)", "MAP(VARCHAR, INTEGER)"])
def test_ensure_table_refuses_what_the_lake_would_not_keep_intact(lake: Lake, sql_type: str) -> None:
    with pytest.raises(TidegateError, match=r"Column n of raw.t is a .* does not keep intact"):
        lake.unit_of_work(lambda con: ensure_table(con, *T, {"day": "date", "n": sql_type}, None))


def test_ensure_table_again_commits_nothing(lake: Lake) -> None:
    make_table(lake)
    before = lake.con.execute("select count(*) from lake.snapshots()").fetchone()
    make_table(lake)
    assert lake.con.execute("select count(*) from lake.snapshots()").fetchone() == before


@pytest.mark.slow
def test_two_processes_that_write_one_partition_leave_one_copy(home: Home) -> None:
    writers = [home.start("overwrite_at_once", DAY, writer, 5) for writer in ("a", "b")]
    for writer in writers:
        writer.wait_for("ready")
    for writer in writers:
        writer.tell("go")
    for writer in writers:
        writer.wait_for("done")
    rows = home.open().con.execute("select count(*), count(distinct n), count(distinct writer) from raw.orders")
    assert rows.fetchone() == (200, 200, 1)


def test_a_writer_killed_before_its_commit_leaves_the_old_rows_and_no_lease(home: Home) -> None:
    lake = home.open()
    first = home.start("overwrite_at_once", DAY, "old", 1)
    first.tell("go")
    first.wait_for("done")
    victim = home.start("stop_before_commit", DAY, "new")
    victim.wait_for("written")
    victim.kill()
    assert lake.con.execute("select distinct writer, count(*) from raw.orders group by all").fetchall() == [
        ("old", 200)
    ]
    again = home.start("overwrite_at_once", DAY, "newest", 1)
    again.tell("go")
    again.wait_for("done")
    found = lake.con.execute("select distinct writer, count(*) from raw.orders group by all").fetchall()
    assert found == [("newest", 200)]
