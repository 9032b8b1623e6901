"""What a plan would do, in sentences and in rows of tables, whatever they are shown as."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tidegate.changes.compare import MartDifference, RowDifferences
from tidegate.changes.cost import Cost
from tidegate.changes.figures import DayFigure, Figure
from tidegate.changes.plan import Planned
from tidegate.window import Cadence, named

NOTHING = (
    "All that is published has the logic that the project has now, and all deliveries were judged by the contracts as "
    "they are."
)

APPLY = "tidegate apply --reason TEXT"

COLUMNS = ("column", "rows", "change of its sum")

FIGURES = ("published", "planned", "change")

# So many windows are named, and figures shown of partitions.
NAMED = 5
DAYS_SHOWN = 14


def models(planned: Planned) -> str:
    counted = ", ".join(cadence.counted(len(days)) for cadence, days in planned.partitions.items())
    contracts = [f"the contract of {each.source}" for each in planned.contracts]
    built = ", ".join(sorted(planned.plan.models))
    if contracts:
        return f"Changed: {', '.join(contracts)}. Built again: {built}. Affected: {counted or 'nothing published'}."
    return f"Changed, themselves or in what they read: {built}. Affected: {counted}."


def leaving(planned: Planned) -> Iterator[str]:
    """The marts that no model makes any more."""
    for mart in planned.unmade:
        yield f"No model makes {mart.name} any more: its {mart.cadence.counted(len(mart.days))} leave serving."


def of_mart(mart: MartDifference) -> Iterator[str]:
    """What differs of a mart."""
    yield (
        f"{mart.cadence.counted(mart.partitions)}: {mart.identical:,} identical, {len(mart.days):,} differ"
        f"{f', {mart.new:,} new' if mart.new else ''}."
    )
    if mart.days:
        yield f"They differ on: {named(mart.days, mart.cadence, NAMED)}."
    for what, columns in (("added", mart.columns_added), ("removed", mart.columns_removed)):
        if columns:
            yield f"Columns {what}: {', '.join(f'{name} ({sql_type})' for name, sql_type in columns.items())}."
    for name, (before, after) in mart.columns_retyped.items():
        yield f"Column {name} becomes {after}; it is {before}."
    if mart.rows and mart.columns_added and not (mart.rows.added or mart.rows.removed or mart.rows.changed):
        yield "In all other columns their rows are the same."
    elif mart.rows:
        yield f"Rows: {mart.rows.added:,} added, {mart.rows.removed:,} removed, {mart.rows.changed:,} changed."


def columns(rows: RowDifferences) -> list[tuple[str, ...]]:
    """The columns whose values changed, as rows of `COLUMNS`."""
    return [(each.name, f"{each.rows:,}", "" if each.change is None else f"{each.change:+,}") for each in rows.columns]


def samples_head(rows: RowDifferences) -> tuple[str, ...]:
    return (", ".join(rows.key), "column", "published", "planned")


def samples(rows: RowDifferences) -> list[tuple[str, ...]]:
    """The first changed values, as rows under `samples_head`."""
    return [tuple(map(str, sample)) for sample in rows.samples]


def figures_title(mart: MartDifference, of: Figure) -> str:
    last = of.days[-DAYS_SHOWN:]
    whole = f"{of.name} by {mart.cadence.singular}"
    return whole if len(last) == len(of.days) else f"{whole}, the last {len(last)} that differ"


def figures(of: Figure) -> list[tuple[str, ...]]:
    """The last partitions that differ, as rows under the partition and `FIGURES`."""
    return [(str(day.day), figure(day.before), figure(day.after), _change(day)) for day in of.days[-DAYS_SHOWN:]]


def _change(of_day: DayFigure) -> str:
    share = f" ({float(of_day.change) / float(of_day.before):+,.1%})" if of_day.before else ""
    return figure(of_day.change, sign="+") + share


def figure(value: Any, sign: str = "") -> str:
    """A value of a column of numbers; floats as far as anybody reads them."""
    if value is None:
        return ""
    return f"{value:{sign},.10g}" if isinstance(value, float) else f"{value:{sign},}"


def cost(of: Cost) -> str:
    """What building it takes, before it is built."""
    counted = ", ".join(cadence.counted(partitions) for cadence, partitions in of.partitions.items())
    time = (
        f"about {_duration(of.seconds)}, going by earlier builds"
        if of.seconds is not None
        else "no build to tell the time by"
    )
    return f"To build {counted}: {of.rows:,} rows to read, {time}, and {_size(of.bytes)} of disk."


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _size(size: int) -> str:
    for unit, of_unit in (("GB", 10**9), ("MB", 10**6)):
        if size >= of_unit:
            return f"{size / of_unit:.1f} {unit}"
    return f"{max(1, round(size / 1000))} kB"


def failures(planned: Planned) -> Iterator[str]:
    for sentence, days in planned.failed.items():
        yield f"{sentence} ({named(days, Cadence.daily, NAMED)})." if days else f"{sentence}."


def next_step(planned: Planned) -> str:
    if planned.failed:
        return "It cannot be applied. Fix it and make the plan again: tidegate plan"
    if planned.changes_nothing:
        return f"Nothing that is published would change. To have it stand on this logic: {APPLY}"
    return f"To publish it, all in one moment: {APPLY}"
