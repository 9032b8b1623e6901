"""Writing the rows of a window into a table. Deleting the old ones, transactions and leases belong to the callers."""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal, qualified, quoted


def insert_sorted(
    con: DuckDBPyConnection, table: tuple[str, str], day_column: str, select_sql: str, inside: str
) -> int:
    """Insert sorted by day: a year's rows become one file a day instead of one a day and thread.

    Returns how many rows were inserted. Columns are matched by name. A row for which the condition `inside` is false
    raises duckdb.InvalidInputException: written, it would belong to a neighbour, and would be there twice after a
    second run.
    """
    message = f"a row for {'.'.join(table)} lies outside of the window that is overwritten"
    # In the sort key and not in a where: DuckDB may run a where before those inside select_sql.
    key = f"case when {inside} then {quoted(day_column)} else error({literal(message)}) end"
    row = con.execute(f"insert into {qualified(*table)} by name select * from ({select_sql}) order by {key}").fetchone()
    return int(row[0]) if row else 0
