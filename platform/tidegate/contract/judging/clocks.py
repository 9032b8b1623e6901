"""Timestamps that are written by a clock which is not UTC's, in SQL: from what it showed to the moment in UTC.

By the offset of the day before and by that of the day after, a time on a clock is one and the same moment, unless the
clock is changed in between. Then it is the one of the two at which the clock did show it. A time that was shown twice
is both, and one that was skipped is neither: the contract says what is made of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tidegate.contract.files import ValueOptions
from tidegate.contract.judging.casts import cast_strictly
from tidegate.contract.model import AtChanges, Clock, Column, Contract
from tidegate.lake.moments import by_offset_of, clock_at
from tidegate.lake.sql import literal, quoted
from tidegate.zones import Zone


def columns_by_clock(contract: Contract, clock: Clock) -> dict[str, Zone]:
    """The columns that a region with this clock writes by one that is not UTC's, each with the clock's zone."""
    return {column.name: zone for column in contract.columns if (zone := _zone_of(column, clock))}


def any_by_clock(contract: Contract, column: Column) -> bool:
    """Whether any region writes the column by a clock that is not UTC's."""
    return any(_zone_of(column, region.clock) for region in contract.regions)


def _zone_of(column: Column, clock: Clock) -> Zone | None:
    """The zone of the clock that the column is written by, unless it is UTC's or the column is no timestamp."""
    if column.logical_type != "timestamp":
        return None
    zone = column.zone or clock.zone
    return None if zone.is_utc else zone


def shown_struct(
    columns: Iterable[Column], given: Mapping[str, str], present: Mapping[str, str], values: ValueOptions
) -> str:
    """SQL for a struct of what the clock showed, by column: null where a value has an offset, or is no timestamp."""
    shown = {
        column.name: cast_strictly(column, given[column.name], present[column.name], "without offset", values)
        for column in columns
    }
    return f"struct_pack({', '.join(f'{quoted(name)} := {value}' for name, value in shown.items())})"


def with_moments(relation: str, zones: Mapping[str, Zone], at_changes: AtChanges) -> str:
    """`relation`, which has a struct `_shown`, with each of its columns as the moment that was meant where one was
    shown, and `_before` and `_after`: the moments by the offsets of the day before and after."""
    before = ", ".join(f"{quoted(n)} := {by_offset_of(-1, _of('_shown', n), zone)}" for n, zone in zones.items())
    after = ", ".join(f"{quoted(n)} := {by_offset_of(1, _of('_shown', n), zone)}" for n, zone in zones.items())
    meant = ", ".join(f"{_meant(name, zone, at_changes)} as {quoted(name)}" for name, zone in zones.items())
    return f"""
    select * replace ({meant})
    from (select *, struct_pack({before}) as _before, struct_pack({after}) as _after from ({relation}))"""


def clock_checks(column: Column, zone: Zone) -> list[tuple[str, str]]:
    """The reasons of a time that was skipped or shown twice, each with its condition."""
    undecided = f"{quoted(column.name)} is null and {is_of_a_change(column.name)}"
    was_shown = _was_shown("_before", column.name, zone)
    return [
        (column.nonexistent, f"{undecided} and not {was_shown}"),
        (column.ambiguous, f"{undecided} and {was_shown}"),
    ]


def is_of_a_change(name: str) -> str:
    """The condition that the clock is changed around what it showed."""
    return f"coalesce({_of('_before', name)} <> {_of('_after', name)}, false)"


def _meant(name: str, zone: Zone, at_changes: AtChanges) -> str:
    before, after = _of("_before", name), _of("_after", name)
    by_before, by_after = _was_shown("_before", name, zone), _was_shown("_after", name, zone)
    either = {
        "quarantine": "null",
        "earlier": f"least({before}, {after})",
        "later": f"greatest({before}, {after})",
    }[at_changes]
    return f"""case
      when {_of("_shown", name)} is null then {quoted(name)}
      when {before} >= timestamp '9999-12-31' then null
      when {before} = {after} then {before}
      when {by_before} and not {by_after} then {before}
      when {by_after} and not {by_before} then {after}
      else {either}
    end"""


def _was_shown(moment: str, name: str, zone: Zone) -> str:
    return f"({clock_at(_of(moment, name), zone)} = {_of('_shown', name)})"


def _of(struct: str, name: str) -> str:
    return f"struct_extract({struct}, {literal(name)})"
