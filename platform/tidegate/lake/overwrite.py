"""Writing the rows of a window into a table. Transactions and leases belong to the callers."""

from __future__ import annotations

from collections.abc import Iterable

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


def overwrite_by_query(
    con: DuckDBPyConnection, table: tuple[str, str], columns: Iterable[str], day_column: str, inside: str, rows: str
) -> None:
    """Have the rows of a relation, with these columns, in place of the table's rows for which the condition holds.

    Rows are refused as in `day_inside`.
    """
    names = [quoted(column) for column in columns]
    of_window = day_inside(table, day_column, inside)
    values = [of_window if name.lower() == quoted(day_column).lower() else name for name in names]
    con.execute(f"delete from {qualified(*table)} where {inside}")
    con.execute(f"insert into {qualified(*table)} ({', '.join(names)}) select {', '.join(values)} from {rows}")


def insert_sorted(
    con: DuckDBPyConnection, table: tuple[str, str], day_column: str, select_sql: str, inside: str
) -> int:
    """Insert sorted by day: a year's rows become one file a day instead of one a day and thread. Deleting the old ones
    belongs to the caller.

    Returns how many rows were inserted. Columns are matched by name. Rows are refused as in `day_inside`.
    """
    key = day_inside(table, day_column, inside)
    row = con.execute(f"insert into {qualified(*table)} by name select * from ({select_sql}) order by {key}").fetchone()
    return int(row[0]) if row else 0
