"""What is in `serving` at all: before a mart's first publication there is no table to ask."""

from __future__ import annotations

from collections.abc import Iterable

from duckdb import DuckDBPyConnection

from tidegate.lake.tables import tables_in


def are_served(con: DuckDBPyConnection, marts: Iterable[str]) -> bool:
    """Whether all of `marts` were ever published."""
    return set(marts) <= set(tables_in(con, "serving"))
