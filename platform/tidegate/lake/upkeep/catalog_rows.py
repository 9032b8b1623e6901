"""Rows of small inserts, which DuckLake keeps in the catalog: those that are shown go into files, others are deleted.

Every scan of a table reads all of its rows in the catalog: 1,000 take 1 ms of CPU, and in a file next to nothing.
DuckLake marks deleted ones with the snapshot that deleted them and leaves them there for ever. Its own
`ducklake_flush_inlined_data` is not used: in DuckLake 1.0 a reader beside it sees rows of two versions at once or none
(24 of 264 reads on a SQLite catalog), and flushing after rewriting spoils older snapshots (duckdb/ducklake issues 650,
1406 and 1413). An update is like any other write to readers and snapshots, and rows keep their row ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from duckdb import DuckDBPyConnection

from tidegate.lake.connect import Lake
from tidegate.lake.identity import METADATA
from tidegate.lake.sql import qualified, quoted
from tidegate.lake.tables import table_columns

# Fewer rows of a table stay in the catalog. A file costs a scan as much as a few hundred rows.
ROWS_WORTH_A_FILE = 500


def move_rows_to_files(lake: Lake) -> None:
    """Write the rows in the catalog of tables that have many there into files."""
    for table, parts in _parts(lake.con).items():
        if _rows_shown(lake.con, parts) >= ROWS_WORTH_A_FILE:
            _move(lake, table, parts)


def delete_dead_rows(lake: Lake) -> None:
    """Delete the rows that were deleted before the oldest snapshot that is left."""
    parts = [part for of_table in _parts(lake.con).values() for part in of_table]
    lake.unit_of_work(lambda con: _delete_dead(con, parts))


def _parts(con: DuckDBPyConnection) -> dict[tuple[str, str], list[str]]:
    """By schema and name of a table, where its rows are in the catalog: a table of it for each shape that it had."""
    rows = con.execute(
        f"""
        select s.schema_name, t.table_name, i.table_name
        from {METADATA}.ducklake_inlined_data_tables as i
        join {METADATA}.ducklake_table as t on t.table_id = i.table_id and t.end_snapshot is null
        join {METADATA}.ducklake_schema as s on s.schema_id = t.schema_id and s.end_snapshot is null
        order by all
        """
    ).fetchall()
    found: dict[tuple[str, str], list[str]] = {}
    for schema, table, part in rows:
        found.setdefault((schema, table), []).append(part)
    return found


def _shown(parts: Sequence[str]) -> str:
    return " union all ".join(
        f"select row_id from {METADATA}.{quoted(part)} where end_snapshot is null" for part in parts
    )


def _rows_shown(con: DuckDBPyConnection, parts: Sequence[str]) -> int:
    row = con.execute(f"select count(*) from ({_shown(parts)})").fetchone()
    return int(row[0]) if row else 0


def _move(lake: Lake, table: tuple[str, str], parts: Sequence[str]) -> None:
    columns: Mapping[str, str] = table_columns(lake.con, [table])[table]
    column = quoted(next(iter(columns)))
    statement = f"update {qualified(*table)} set {column} = {column} where rowid in ({_shown(parts)})"
    lake.unit_of_work(lambda con: con.execute(statement), [table])


def _delete_dead(con: DuckDBPyConnection, parts: Sequence[str]) -> None:
    for part in parts:
        # A row is shown from its first snapshot until before its last one.
        con.execute(
            f"delete from {METADATA}.{quoted(part)} "
            f"where end_snapshot <= (select min(snapshot_id) from {METADATA}.ducklake_snapshot)"
        )
