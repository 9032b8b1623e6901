"""Overwriting a window of a table. What goes in belongs to the callers, and so do transactions and leases."""

from __future__ import annotations

from collections.abc import Mapping

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import in_window, literal, qualified, quoted
from tidegate.window import Window


def overwrite_window(
    con: DuckDBPyConnection,
    table: tuple[str, str],
    day_column: str,
    window: Window,
    select_sql: str,
    where_extra: Mapping[str, str] | None = None,
) -> int:
    """Replace the window's rows, only those with the values of `where_extra`, by the rows of `select_sql`.

    Returns how many rows are there now. Columns are matched by name. A row that `select_sql` puts outside
    what is replaced raises duckdb.InvalidInputException: written, it would be a neighbour's, and there twice
    after a re-run.
    """
    inside = in_window(day_column, window)
    for column, value in (where_extra or {}).items():
        inside += f" and {quoted(column)} = {literal(value)}"
    con.execute(f"delete from {qualified(*table)} where {inside}")
    return insert_sorted(con, table, day_column, select_sql, inside)


def insert_sorted(
    con: DuckDBPyConnection, table: tuple[str, str], day_column: str, select_sql: str, inside: str
) -> int:
    """Insert sorted by day: a year's rows become one file a day instead of one a day and thread."""
    message = f"a row for {'.'.join(table)} lies outside of the window that is overwritten"
    # In the sort key and not in a where: DuckDB may run a where before those inside select_sql.
    key = f"case when {inside} then {quoted(day_column)} else error({literal(message)}) end"
    row = con.execute(f"insert into {qualified(*table)} by name select * from ({select_sql}) order by {key}").fetchone()
    return int(row[0]) if row else 0
