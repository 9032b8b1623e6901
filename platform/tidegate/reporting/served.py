"""What is in `serving` at all: before a mart's first publication there is no table to ask."""

from __future__ import annotations

from collections.abc import Iterable

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import CATALOG, literal


def are_served(con: DuckDBPyConnection, marts: Iterable[str]) -> bool:
    """Whether all of `marts` were ever published."""
    rows = con.execute(
        f"select table_name from duckdb_tables() where database_name = {literal(CATALOG)} and schema_name = 'serving'"
    ).fetchall()
    return set(marts) <= {name for (name,) in rows}
