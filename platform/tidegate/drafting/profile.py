"""What is in a column of the sample, measured with DuckDB: counts, shapes of texts, and what fits no type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from duckdb import DuckDBPyConnection

from tidegate.contract.files import ValueOptions
from tidegate.contract.judging.casts import cast_strictly
from tidegate.contract.model import Column
from tidegate.drafting.words import NULL_WORDS
from tidegate.lake.sql import literal, quoted

# Numbers, dates and truths have few shapes; a column of more is text.
SHAPES = 400
_FEW_VALUES = 24


@dataclass(frozen=True)
class Profile:
    """Of a column: `given` values of `rows`; texts by shape (digits as 9); words that may mean none."""

    name: str
    rows: int
    given: int
    distinct: int
    longest: int
    padded: int
    shapes: tuple[str, ...]
    examples: tuple[str, ...]
    counts: tuple[int, ...]
    null_words: tuple[str, ...]
    # All values with how often each is there, where they are few.
    values: tuple[tuple[str, int], ...] = field(default=())

    @property
    def empty(self) -> int:
        return self.rows - self.given


def profile_of(con: DuckDBPyConnection, table: str, name: str) -> Profile:
    """Of a column of texts."""
    column = quoted(name)
    words = ", ".join(literal(word) for word in NULL_WORDS)
    counted = con.execute(f"""
select count(*), count({column}), count(distinct {column}), coalesce(max(length({column})), 0),
  count(*) filter (where {column} <> trim({column}, ' ' || chr(9) || chr(160))),
  list(distinct trim({column})) filter (where trim({column}) in ({words}))
from {table}""").fetchone()
    if counted is None:
        raise AssertionError("count(*) without a row")
    rows, given, distinct, longest, padded, null_words = counted
    shapes = con.execute(f"""
select regexp_replace(trim({column}), '[0-9]', '9', 'g') as shape, min({column}), count(*)
from {table} where trim({column}) not in ({words}) group by shape order by count(*) desc, shape limit {SHAPES + 1}
""").fetchall()
    values: Sequence[tuple[str, int]] = ()
    if distinct <= _FEW_VALUES:
        values = con.execute(
            f"select {column}, count(*) from {table} where {column} is not null group by all order by 2 desc, 1"
        ).fetchall()
    shown, examples, counts = zip(*shapes, strict=True) if shapes else ((), (), ())
    words_found = tuple(sorted(null_words or (), key=NULL_WORDS.index))
    return Profile(name, rows, given, distinct, longest, padded, shown, examples, counts, words_found, tuple(values))


def misfits(
    con: DuckDBPyConnection, table: str, name: str, column: Column, values: ValueOptions, without: Sequence[str]
) -> int:
    """How many given values, `without` words that mean none, are none of the column's type."""
    typed = cast_strictly(column, quoted(name), "VARCHAR", None, values)
    found = con.execute(f"select count(*) from {table} where {_says(name, without)} and ({typed}) is null").fetchone()
    return int(found[0]) if found else 0


def extent(
    con: DuckDBPyConnection, table: str, name: str, column: Column, values: ValueOptions, without: Sequence[str]
) -> tuple[Any, Any]:
    """The least and the greatest value of the column as it is typed."""
    typed = cast_strictly(column, quoted(name), "VARCHAR", None, values)
    found = con.execute(
        f"select min(v)::varchar, max(v)::varchar from (select {typed} as v from {table} where {_says(name, without)})"
    ).fetchone()
    return (found[0], found[1]) if found else (None, None)


def _says(name: str, without: Sequence[str]) -> str:
    column = quoted(name)
    words = ", ".join(literal(word) for word in ("", *without))
    return f"{column} is not null and trim({column}) not in ({words})"
