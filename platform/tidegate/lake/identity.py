"""Whose the files in a data folder are: those of the lake that is attached, or another's.

What lies there belongs to this module, what the catalog says of it to DuckLake.
"""

from __future__ import annotations

from pathlib import Path

from duckdb import DuckDBPyConnection

from tidegate.errors import TidegateError
from tidegate.lake.sql import literal


def refuse_unknown_data(con: DuckDBPyConnection, data: str, catalog: str) -> None:
    """Raise TidegateError where files lie in the data folder of a lake that is still to be made."""
    found = _any_file(con, data)
    if found:
        raise TidegateError(
            f"The catalog {catalog} holds no lake, and the data folder {data} holds files of another, like {found}. "
            "Nothing was made or changed. If they are of your lake, its catalog is elsewhere or was lost: set "
            "TIDEGATE_LAKE_CATALOG to it, or put back a copy of it. For a new lake, set TIDEGATE_LAKE_DATA to an "
            "empty folder."
        )


def _any_file(con: DuckDBPyConnection, data: str) -> str | None:
    if data.startswith("s3://"):
        row = con.execute(f"select file from glob({literal(data.rstrip('/') + '/**')}) limit 1").fetchone()
        return str(row[0]) if row else None
    return next((str(path) for path in Path(data).rglob("*") if path.is_file()), None)
