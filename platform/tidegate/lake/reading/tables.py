"""What can be read: the published tables, and the columns of one, as the lake itself describes them."""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import CATALOG, literal, qualified

SERVING = "serving"


def begin_in_serving(con: DuckDBPyConnection) -> None:
    """Have published tables found by their names alone, and `show tables` show them. A lake of long ago may lack the
    schema."""
    serving = f"database_name = {literal(CATALOG)} and schema_name = {literal(SERVING)}"
    if con.execute(f"select 1 from duckdb_schemas() where {serving}").fetchone():
        con.execute(f"use {qualified(CATALOG, SERVING)}")


def columns_of(con: DuckDBPyConnection, table: str) -> list[tuple[str, str, str]]:
    """Name, type and description of each column of a published table."""
    return con.execute(
        "select column_name, lower(data_type), coalesce(comment, '') from duckdb_columns() "
        f"where schema_name = {literal(SERVING)} and table_name = {literal(table)} order by column_index"
    ).fetchall()
