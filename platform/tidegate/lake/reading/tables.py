"""What can be read: the published tables, and the columns of one, as the lake itself describes them."""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal

SERVING = "serving"


def published_tables(con: DuckDBPyConnection) -> list[str]:
    """The names of the published tables."""
    rows = con.execute(
        f"select table_name from duckdb_tables() where schema_name = {literal(SERVING)} order by 1"
    ).fetchall()
    return [str(name) for (name,) in rows]


def columns_of(con: DuckDBPyConnection, table: str) -> list[tuple[str, str, str]]:
    """Name, type and description of each column of a published table."""
    return con.execute(
        "select column_name, lower(data_type), coalesce(comment, '') from duckdb_columns() "
        f"where schema_name = {literal(SERVING)} and table_name = {literal(table)} order by column_index"
    ).fetchall()
