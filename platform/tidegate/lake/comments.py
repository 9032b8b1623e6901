"""What columns mean, as comments in the lake's catalog, where other programs show them."""

from __future__ import annotations

from collections.abc import Mapping

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import CATALOG, literal, qualified

# By column, what it means.
Comments = Mapping[str, str]


def keep_comments(con: DuckDBPyConnection, wanted: Mapping[tuple[str, str], Comments]) -> None:
    """Have the columns of these tables, by schema and name, say what they mean. What says so already is left alone, so
    that most calls write nothing; what nobody describes any more keeps no comment."""
    listed = ", ".join(f"({literal(schema)}, {literal(table)})" for schema, table in wanted)
    if not listed:
        return
    rows = con.execute(
        "select schema_name, table_name, column_name, coalesce(comment, '') from duckdb_columns() "
        f"where database_name = {literal(CATALOG)} and (schema_name, table_name) in ({listed})"
    ).fetchall()
    for schema, table, column, comment in rows:
        means = _of_column(wanted[schema, table], column)
        if comment != means:
            con.execute(f"comment on column {qualified(schema, table, column)} is {literal(means or None)}")


def _of_column(comments: Comments, column: str) -> str:
    """In one line. Names may be written otherwise in upper and lower case than in the lake."""
    means = next((text for name, text in comments.items() if name.lower() == column.lower()), "")
    return " ".join(means.replace("\0", " ").split())
