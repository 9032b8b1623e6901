"""Comparing what a plan built with what is published: partition by partition, and where they differ, row by row.

DuckDB compares; nothing of a table is held here but the few rows that are shown.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from duckdb import DuckDBPyConnection

from tidegate.changes.figures import Figure, changed_figures, numbers_of
from tidegate.lake.content import NOTHING, content_by_day, content_by_day_select
from tidegate.lake.sql import on_days, qualified, quoted
from tidegate.lake.tables import table_columns
from tidegate.ledger.publications import shown_builds
from tidegate.transform.parsed.members import SERVING, Model
from tidegate.window import Cadence, Window

# Enough to see what changed.
SAMPLES = 5

Table = tuple[str, str]


@dataclass(frozen=True)
class ColumnDifference:
    """In how many rows a column's value changed, and by how much in sum; None where it is no number."""

    name: str
    rows: int
    change: Any


@dataclass(frozen=True)
class RowDifferences:
    """Rows of the partitions that differ: added, removed, and, by `key`, changed. Without a key, a changed row is one
    removed and one added. `samples` are (key, column, before, after)."""

    key: tuple[str, ...]
    added: int
    removed: int
    changed: int
    columns: Sequence[ColumnDifference] = ()
    samples: Sequence[tuple[str, str, Any, Any]] = ()


@dataclass(frozen=True)
class MartDifference:
    """What a plan would do to a mart. `new` partitions show nothing of it yet, and `days` are those that differ.
    `figures` are the first columns of numbers whose sums changed on these days."""

    mart: str
    cadence: Cadence
    partitions: int
    new: int
    days: Sequence[dt.date]
    columns_added: Mapping[str, str] = field(default_factory=dict)
    columns_removed: Mapping[str, str] = field(default_factory=dict)
    columns_retyped: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    rows: RowDifferences | None = None
    figures: Sequence[Figure] = ()

    @property
    def identical(self) -> int:
        return self.partitions - len(self.days) - self.new

    @property
    def keeps_its_shape(self) -> bool:
        return not (self.columns_removed or self.columns_retyped)


def compare_mart(
    con: DuckDBPyConnection, mart: Model, planned: Table, key: Sequence[str], partitions: Sequence[dt.date]
) -> MartDifference:
    """What the plan's partitions of a mart would change of those in `serving`."""
    served = (SERVING, mart.name)
    tables = table_columns(con, [served, planned])
    before, after = tables.get(served, {}), tables[planned]
    window = Window(partitions[0], mart.cadence.after(partitions[-1], 1), mart.cadence)
    shown = {day for day, name, *_ in shown_builds(con, window) if name == mart.name}
    days = [day for day in _differing(con, mart, {served: before, planned: after}, window) if day in partitions]
    known = [day for day in days if day in shown]
    numbers = [name for name in numbers_of(before, after) if name not in (*key, mart.day_column)]
    return MartDifference(
        mart=mart.name,
        cadence=mart.cadence,
        partitions=len(partitions),
        new=len(set(partitions) - shown),
        days=known,
        columns_added={name: sql_type for name, sql_type in after.items() if before and name not in before},
        columns_removed={name: sql_type for name, sql_type in before.items() if name not in mart.columns},
        columns_retyped={
            name: (before[name], sql_type) for name, sql_type in after.items() if before.get(name, sql_type) != sql_type
        },
        rows=_row_differences(con, mart, planned, tables, key, known) if known else None,
        figures=changed_figures(con, (served, planned), mart.day_column, numbers, known) if known else (),
    )


def _differing(
    con: DuckDBPyConnection, mart: Model, tables: Mapping[Table, Mapping[str, str]], window: Window
) -> list[dt.date]:
    selects = [
        content_by_day_select(*table, columns, mart.day_column, window) for table, columns in tables.items() if columns
    ]
    contents = content_by_day(con, selects)
    one, other = tables
    days = {day for _, _, day in contents}
    return sorted(day for day in days if contents.get((*one, day), NOTHING) != contents.get((*other, day), NOTHING))


def _row_differences(
    con: DuckDBPyConnection,
    mart: Model,
    planned: Table,
    tables: Mapping[Table, Mapping[str, str]],
    key: Sequence[str],
    days: Sequence[dt.date],
) -> RowDifferences:
    served = (SERVING, mart.name)
    both = [name for name in tables[planned] if name in tables[served]]
    columns = _comparable(tables[served], tables[planned])
    inside = on_days(mart.day_column, days)
    sides = [f"select {columns} from {qualified(*table)} where {inside}" for table in (served, planned)]
    keys = tuple(dict.fromkeys((mart.day_column, *key)))
    if not set(keys) <= set(both) or not (key or _one_row_a_day(con, sides, mart.day_column)):
        return _without_key(con, sides, both)
    values = [name for name in both if name not in keys]
    joined = _joined(sides, keys, values)
    return _counted(con, joined, keys, values, numbers_of(tables[served], tables[planned]))


def _comparable(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """What is selected of both sides: columns whose types do not compare as they are, as text."""
    numbers = numbers_of(before, after)
    as_text = [name for name, kind in after.items() if before.get(name, kind) != kind and name not in numbers]
    replaced = ", ".join(f"{quoted(name)}::varchar as {quoted(name)}" for name in as_text)
    return f"* replace ({replaced})" if replaced else "*"


def _one_row_a_day(con: DuckDBPyConnection, sides: Sequence[str], day_column: str) -> bool:
    day = quoted(day_column)
    counts = [f"select 1 from ({side}) group by {day} having count(*) > 1" for side in sides]
    return con.execute(" union all ".join(counts) + " limit 1").fetchone() is None


def _without_key(con: DuckDBPyConnection, sides: Sequence[str], columns: Sequence[str]) -> RowDifferences:
    listed = ", ".join(map(quoted, columns))
    before, after = (f"select {listed} from ({side})" for side in sides)
    counts = [f"(select count(*) from ({one} except all {other}))" for one, other in ((after, before), (before, after))]
    added, removed = con.execute(f"select {', '.join(counts)}").fetchone() or (0, 0)
    return RowDifferences((), added, removed, 0)


def _joined(sides: Sequence[str], keys: Sequence[str], values: Sequence[str]) -> str:
    """Both sides by key, each value twice: as `b<n>` and `a<n>`, before and after."""
    before, after = sides
    on = " and ".join(f"b.{quoted(name)} is not distinct from a.{quoted(name)}" for name in keys)
    named = [f"coalesce(b.{quoted(name)}, a.{quoted(name)}) as {quoted(f'k{n}')}" for n, name in enumerate(keys)]
    named += [f"b.{quoted(name)} as b{n}, a.{quoted(name)} as a{n}" for n, name in enumerate(values)]
    return (
        f"select b._side is not null as is_before, a._side is not null as is_after, {', '.join(named)} "
        f"from (select *, 1 as _side from ({before})) as b full join (select *, 1 as _side from ({after})) as a on {on}"
    )


def _counted(
    con: DuckDBPyConnection, joined: str, keys: Sequence[str], values: Sequence[str], numbers: Sequence[str]
) -> RowDifferences:
    changed = [f"b{n} is distinct from a{n}" for n in range(len(values))]
    any_changed = " or ".join(changed) or "false"
    counts = [
        "count(*) filter (where not is_before)",
        "count(*) filter (where not is_after)",
        f"count(*) filter (where is_before and is_after and ({any_changed}))",
    ]
    for number, name in enumerate(values):
        counts.append(f"count(*) filter (where is_before and is_after and {changed[number]})")
        change = f"coalesce(sum(a{number}), 0) - coalesce(sum(b{number}), 0)" if name in numbers else "null"
        counts.append(change)
    added, removed, rows, *of_columns = con.execute(f"select {', '.join(counts)} from ({joined})").fetchone() or ()
    columns = [
        ColumnDifference(name, of_columns[2 * number], of_columns[2 * number + 1])
        for number, name in enumerate(values)
        if of_columns[2 * number]
    ]
    return RowDifferences(tuple(keys), added, removed, rows, columns, _samples(con, joined, keys, values, any_changed))


def _samples(
    con: DuckDBPyConnection, joined: str, keys: Sequence[str], values: Sequence[str], any_changed: str
) -> list[tuple[str, str, Any, Any]]:
    """The first changed rows, a line for each value that changed."""
    named = ", ".join(f"k{n}" for n in range(len(keys)))
    pairs = "".join(f", b{n}, a{n}" for n in range(len(values)))
    rows = con.execute(
        f"select {named}{pairs} from ({joined}) where is_before and is_after and ({any_changed}) "
        f"order by {named} limit {SAMPLES}"
    ).fetchall()
    found: list[tuple[str, str, Any, Any]] = []
    for row in rows:
        of_key = ", ".join(map(str, row[: len(keys)]))
        of_values = row[len(keys) :]
        for number, name in enumerate(values):
            before, after = of_values[2 * number : 2 * number + 2]
            if before != after:
                found.append((of_key, name, before, after))
    return found
