"""Reading the lake as a consumer does: one statement that reads.

What the person at the keyboard may read, files beside the lake included, a query may read. Writing the lake and
printing results do not belong here.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
from duckdb import DuckDBPyConnection

from tidegate.errors import TidegateError
from tidegate.lake.connect import Lake, LakeConfig
from tidegate.lake.schema import tables_in
from tidegate.lake.travel import shown, snapshot_at

# What a select may call all the same and must not, with the reason.
REFUSED = {
    # httpfs keeps the S3 credentials that it found in the environment among DuckDB's settings; getenv reads it all.
    r"duckdb_settings|duckdb_secrets|current_setting|getenv": "can show credentials of this process",
    r"\bquery\b(?=\"?(?:\s|/\*.*?\*/|--[^\n]*\n)*\()": "runs a text as SQL, which nobody can look at before",
    # They delete files before they find that the catalog may not be written.
    r"ducklake_(?:add|cleanup|delete|expire|flush|merge|rewrite|set)\w+": "changes the lake",
}

# The words before what is explained: EXPLAIN ANALYZE runs it.
_SPACE = r"(?:\s|/\*.*?\*/|--[^\n]*\n)*"
EXPLAINING = re.compile(
    rf"{_SPACE}explain\b{_SPACE}(?:analyze\b|\({_SPACE}(?:analyze|format)\b[^)]*\))?", re.IGNORECASE | re.DOTALL
)


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
        try:
            _refuse_all_but_reading(lake.con, lake.con.extract_statements(sql))
            cursor = lake.con.execute(sql)
            columns = tuple(column[0] for column in cursor.description or [])
            return QueryResult(columns, cursor.fetchall())
        except duckdb.Error as error:
            raise TidegateError(f"The query does not work: {error}{_hint(lake, error, as_of)}") from error


def _hint(lake: Lake, error: duckdb.Error, as_of: dt.datetime | None) -> str:
    if as_of:
        return f" The lake was read as of {shown(as_of)}; what was made later is not there."
    if isinstance(error, duckdb.CatalogException) and not tables_in(lake.con, "serving"):
        return " Nothing was published into `serving` yet; `tidegate status` tells how things stand."
    return ""


def _refuse_all_but_reading(con: DuckDBPyConnection, statements: Sequence[duckdb.Statement]) -> None:
    if len(statements) != 1:
        raise TidegateError(f"One statement at a time, please; this is {len(statements)}.")
    for pattern, why in REFUSED.items():
        if found := re.search(pattern, statements[0].query, re.IGNORECASE | re.DOTALL):
            raise TidegateError(f"`{found[0]}` {why}, so no query may call it.")
    (statement,) = statements
    if statement.type == duckdb.StatementType.EXPLAIN:
        (statement,) = con.extract_statements(EXPLAINING.sub("", statement.query, count=1))
    if statement.type != duckdb.StatementType.SELECT:
        raise TidegateError(
            f"`tidegate query` only reads, and this is {statement.type.name}. Nothing was changed. "
            "Data changes by deliveries and runs: drop a file into landing and run its day."
        )
