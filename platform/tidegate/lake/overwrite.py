"""Writing the rows of a window into a table. Deleting the old ones, transactions and leases belong to the callers."""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal, qualified, quoted


def day_inside(table: tuple[str, str], day_column: str, inside: str) -> str:
    """The day of a row, as an expression over a query whose rows are to be written.

    A row for which the condition `inside` is not true raises duckdb.InvalidInputException: written, it would belong to
    a neighbour, and would be there twice after a second run.
    """
    # No condition of a where: DuckDB may run that before those inside the query.
    message = f"a row for {'.'.join(table)} lies outside of the window that is overwritten"
    return f"case when {inside} then {quoted(day_column)} else error({literal(message)}) end"


def insert_sorted(
    con: DuckDBPyConnection, table: tuple[str, str], day_column: str, select_sql: str, inside: str
) -> int:
    """Insert sorted by day: a year's rows become one file a day instead of one a day and thread.

    Returns how many rows were inserted. Columns are matched by name. Rows are refused as in `day_inside`.
    """
    key = day_inside(table, day_column, inside)
    row = con.execute(f"insert into {qualified(*table)} by name select * from ({select_sql}) order by {key}").fetchone()
    return int(row[0]) if row else 0
