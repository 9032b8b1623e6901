"""What tables hold, as hashes: equal exactly when the rows are equal, in whatever order or files they lie.

Used to show that running again changes nothing, and to leave alone what would not change. What to hash, and
what to make of it, belongs to the callers.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import in_window, literal, qualified, quoted
from tidegate.window import Window


@dataclass(frozen=True)
class Content:
    """How many rows, and the hash over them."""

    rows: int
    hash: str


def _content(rows: int, upper: int, lower: int) -> Content:
    return Content(rows, hashlib.md5(f"{rows}:{upper}:{lower}".encode(), usedforsecurity=False).hexdigest())


NOTHING = _content(0, 0, 0)


def content_of(con: DuckDBPyConnection, relation_sql: str) -> Content:
    """The content of a query's result.

    Rows count as often as they occur; the order of rows and of columns does not matter, and neither does a
    column that is null throughout. A value counts by its text, so an integer 1 and a decimal 1.0 differ.
    """
    described = con.execute(f"describe select * from ({relation_sql})").fetchall()
    columns = {str(name): str(sql_type) for name, sql_type, *_ in described}
    row = con.execute(f"select {_sums(columns)} from (select {_row_digest(columns)} from ({relation_sql}))").fetchone()
    return _content(*row) if row else NOTHING


def content_by_day_select(schema: str, table: str, columns: Mapping[str, str], day_column: str, window: Window) -> str:
    """A query for `(schema, table, day, rows, upper, lower)` of the days in the window that have rows.

    One query instead of one per day and table: callers unite those of many tables and read them with
    `content_by_day`.
    """
    return (
        f"select {literal(schema)}, {literal(table)}, day, {_sums(columns)} from ("
        f"select {quoted(day_column)}::date as day, {_row_digest(columns)} from {qualified(schema, table)} "
        f"where {in_window(day_column, window)}) group by day"
    )


def content_by_day(con: DuckDBPyConnection, selects: list[str]) -> dict[tuple[str, str, dt.date], Content]:
    """The contents by (schema, table, day); a day without rows is not in it and holds NOTHING."""
    rows = con.execute(" union all ".join(selects)).fetchall() if selects else []
    return {(schema, table, day): _content(*sums) for schema, table, day, *sums in rows}


def _sums(columns: Mapping[str, str]) -> str:
    # The digests' halves are summed: addition knows no order and, unlike xor, counts duplicates.
    upper = "coalesce(sum((digest >> 64)::ubigint), 0)"
    lower = "coalesce(sum((digest & 18446744073709551615)::ubigint), 0)"
    return f"count(*), {upper}, {lower}"


def _row_digest(columns: Mapping[str, str]) -> str:
    # The length keeps neighbouring values apart; concat leaves out what is null, name included.
    parts = ["''"]
    for name in sorted(columns):
        text = _as_text(name, columns[name])
        parts.append(f"{literal(name + '=')} || strlen({text}) || ':' || {text}")
    return f"md5_number(concat({', '.join(parts)})) as digest"


def _as_text(name: str, sql_type: str) -> str:
    # A list's plain text does not tell ['a, b'] from ['a', 'b'].
    nested = sql_type.endswith("]") or sql_type.startswith(("STRUCT", "MAP", "UNION"))
    return f"to_json({quoted(name)})::varchar" if nested else f"{quoted(name)}::varchar"
