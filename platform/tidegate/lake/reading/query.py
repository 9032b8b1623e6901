"""Reading the lake as a consumer does: one statement that reads the lake, on a DuckDB that can do nothing else.

Two locks, each enough where the other fails: DuckDB's own (no file but the lake's, no setting changes, no keys among
the settings), and a statement of which every part is known to read (`statements`). Printing does not belong here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from tidegate.errors import TidegateError
from tidegate.lake.config import LakeConfig, keys_into_a_secret
from tidegate.lake.connect import Lake
from tidegate.lake.reading.statements import reading_statement
from tidegate.lake.reading.tables import SERVING, begin_in_serving
from tidegate.lake.reading.travel import shown, snapshot_at
from tidegate.lake.sql import literal
from tidegate.lake.tables import tables_in
from tidegate.lake.trouble import trouble

# A row of twenty columns takes about a kilobyte in Python: a gigabyte at most. More is for exports, or for the shell.
MAX_ROWS = 1_000_000


@dataclass(frozen=True)
class QueryResult:
    """Column names and rows, in the statement's order."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]


def run_query(config: LakeConfig, sql: str, as_of: dt.datetime | None = None) -> QueryResult:
    """Run one reading statement, on the lake as it was at `as_of` if that is given.

    Raises TidegateError for anything else, for SQL that does not work and for a moment that cannot be gone back to.
    """
    snapshot = snapshot_at(config, as_of) if as_of else None
    with Lake.open(config, read_only=True, snapshot=snapshot) as lake:
        begin_in_serving(lake.con)
        confine(lake)
        try:
            cursor = lake.con.execute(reading_statement(lake.con, sql))
            columns = tuple(column[0] for column in cursor.description or [])
            rows = cursor.fetchmany(MAX_ROWS + 1)
        except duckdb.Error as error:
            if understood := trouble(error):
                raise understood from error
            raise TidegateError(f"The query does not work: {error}{_hint(lake, error, as_of)}") from error
    if len(rows) > MAX_ROWS:
        raise TidegateError(
            f"The query gives more than {MAX_ROWS:,} rows, so nothing was printed. Ask for fewer, read the exports, "
            "or write them to a file in `tidegate shell`: copy (from serving.daily_sales) to 'rows.parquet';"
        )
    return QueryResult(columns, rows)


def confine(lake: Lake) -> None:
    """Let this connection read the lake's data and catalog, and nothing else, until it is closed.

    What it needs besides, DuckDB allows on its own: the attached catalog and the folder to spill into.
    """
    keys_into_a_secret(lake.con, lake.config)
    for statement in (
        f"set allowed_directories = {literal([lake.config.data.rstrip('/') + '/'])}",
        "set python_enable_replacements = false",
        "set enable_external_access = false",
        "set lock_configuration = true",
    ):
        lake.con.execute(statement)


def _hint(lake: Lake, error: duckdb.Error, as_of: dt.datetime | None) -> str:
    if isinstance(error, duckdb.PermissionException):
        return " `tidegate query` reads the lake and no other files; `tidegate shell` reads what you may read."
    if as_of:
        return f" The lake was read as of {shown(as_of)}; what was made later is not there."
    if isinstance(error, duckdb.CatalogException) and not tables_in(lake.con, SERVING):
        return " Nothing was published into `serving` yet; `tidegate status` tells how things stand."
    return ""
