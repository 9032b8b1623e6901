"""Which names a column of the lake can have, and a table: found by trying them on the DuckLake that is installed."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pytest

from tidegate.lake.connect import Lake
from tidegate.lake.sql import kept_by_the_lake, qualified, quoted

KEPT = (
    "row_id", "ROW_ID", "Begin_Snapshot", "end_snapshot", "rowid",
    "_ducklake_internal_row_id", "_ducklake_internal_snapshot_id",
)  # fmt: skip
# Names that mean something to DuckLake, to DuckDB's readers or to SQL.
FREE = (
    "snapshot_id", "file_row_number", "filename", "row_number", "partition", "order", "group", "null", "column0",
    "_rowid", "data_file_id", "change_type", " ", "a b", "a.b", "a;b--", "a'b", 'a"b', "ü", "x" * 60,
)  # fmt: skip


@pytest.mark.parametrize("name", KEPT)
def test_names_that_the_lake_keeps_are_known(lake: Lake, name: str) -> None:
    assert kept_by_the_lake(name)
    with pytest.raises((duckdb.Error, AssertionError)):
        write_and_change(lake, ("raw", "things"), [name])


def test_every_other_name_works(lake: Lake) -> None:
    assert not any(map(kept_by_the_lake, FREE))
    write_and_change(lake, ("raw", "things"), FREE)


@pytest.mark.parametrize("name", ["row_id", "order", "raw", "lake"])
def test_a_table_can_have_any_name(lake: Lake, name: str) -> None:
    write_and_change(lake, ("raw", name), ["number"])


def write_and_change(lake: Lake, table: tuple[str, str], names: Sequence[str]) -> None:
    """Rows inlined in the catalog and rows in files, changed and deleted by these columns."""
    name, columns = qualified(*table), [quoted(each) for each in names]
    for rows in (3, 30):
        lake.con.execute(f"drop table if exists {name}")
        lake.con.execute(f"create table {name} (id varchar, {', '.join(f'{column} integer' for column in columns)})")
        numbers = ", ".join(f"100 + i as {column}" for column in columns)
        lake.con.execute(f"insert into {name} by name select 'a' as id, {numbers} from range({rows}) as r (i)")
        lake.con.execute(f"update {name} set id = 'b' where {' and '.join(f'{column} = 101' for column in columns)}")
        lake.con.execute(f"delete from {name} where {' and '.join(f'{column} = 102' for column in columns)}")
        for column in columns:
            found = lake.con.execute(f"select count(*), sum({column}), string_agg(id, '' order by id) from {name}")
            assert found.fetchone() == (rows - 1, sum(range(100, 100 + rows)) - 102, "a" * (rows - 2) + "b")
