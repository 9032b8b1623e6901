"""The headline figures of a mart by partition, before and after a change: sums of the first columns that changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import on_days, qualified, quoted

# Who wrote the model put the columns that matter most first; more charts than these nobody reads.
FIGURES = 3

Table = tuple[str, str]


@dataclass(frozen=True)
class DayFigure:
    """The sum of a column over a partition, as it is published and as it is planned; None where it has no value."""

    day: dt.date
    before: Any
    after: Any

    @property
    def change(self) -> Any:
        before, after = self.before or 0, self.after or 0
        # A decimal does not subtract from a float, where the column's type is another now.
        return float(after) - float(before) if isinstance(before, float) or isinstance(after, float) else after - before


@dataclass(frozen=True)
class Figure:
    """A column, and its sum on each of the partitions that differ."""

    name: str
    days: Sequence[DayFigure]


def changed_figures(
    con: DuckDBPyConnection,
    tables: tuple[Table, Table],
    day_column: str,
    columns: Sequence[str],
    days: Collection[dt.date],
) -> list[Figure]:
    """Of these columns of numbers, the first whose sum changed on any of the days."""
    if not columns:
        return []
    sums = ", ".join(f"sum({quoted(name)}) as f{number}" for number, name in enumerate(columns))
    day = quoted(day_column)
    before, after = (
        f"(select {day}::date as day, {sums} from {qualified(*table)} where {on_days(day_column, days)} group by {day})"
        for table in tables
    )
    pairs = ", ".join(f"b.f{number}, a.f{number}" for number in range(len(columns)))
    rows = con.execute(
        f"select day, {pairs} from {before} as b full join {after} as a using (day) order by day"
    ).fetchall()
    figures = [
        Figure(name, [DayFigure(row[0], *row[1 + 2 * number : 3 + 2 * number]) for row in rows])
        for number, name in enumerate(columns)
    ]
    return [figure for figure in figures if any(each.before != each.after for each in figure.days)][:FIGURES]


def numbers_of(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """The columns that are numbers on both sides, by the types that DuckDB has for them."""
    return [name for name, sql_type in after.items() if _is_number(sql_type) and _is_number(before.get(name, ""))]


def _is_number(sql_type: str) -> bool:
    return sql_type.startswith(_NUMBERS)


_NUMBERS = (
    "DECIMAL", "BIGINT", "INTEGER", "DOUBLE", "HUGEINT", "SMALLINT", "TINYINT", "UBIGINT", "UINTEGER", "USMALLINT",
    "UTINYINT", "FLOAT",
)  # fmt: skip
