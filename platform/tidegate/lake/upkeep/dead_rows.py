"""Rows of small inserts that DuckLake keeps in the catalog, and that no snapshot shows any more.

It marks them with the snapshot that deleted them and leaves them there for ever; every scan of the table reads them.
"""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from tidegate.lake.connect import Lake
from tidegate.lake.identity import METADATA
from tidegate.lake.sql import quoted


def delete_dead_rows(lake: Lake) -> int:
    """Delete those that were deleted before the oldest snapshot that is left; returns how many."""
    return lake.unit_of_work(lambda con: sum(_delete(con, table) for table in _tables_of_rows(con)))


def _tables_of_rows(con: DuckDBPyConnection) -> list[str]:
    rows = con.execute(f"select table_name from {METADATA}.ducklake_inlined_data_tables order by all").fetchall()
    return [table for (table,) in rows]


def _delete(con: DuckDBPyConnection, table: str) -> int:
    # A row is shown from its first snapshot until before its last one.
    row = con.execute(
        f"delete from {METADATA}.{quoted(table)} "
        f"where end_snapshot <= (select min(snapshot_id) from {METADATA}.ducklake_snapshot)"
    ).fetchone()
    return int(row[0]) if row else 0
