"""Promoting: the partitions whose gate is open show their candidates, all marts of them at once.

The ledger is asked, never the caller, so promoting by hand passes no closed gate either. Building the
candidates and choosing what the gate requires belong to the callers.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from duckdb import DuckDBPyConnection

from tidegate.lake.comments import keep_comments
from tidegate.lake.connect import Lake
from tidegate.lake.content import NOTHING, Content
from tidegate.lake.sql import qualified
from tidegate.ledger.interim import moment_of
from tidegate.ledger.made_of import keep_made_of, product_thing
from tidegate.ledger.publications import days_so_far
from tidegate.ledger.rollbacks import Rollback, standing_rollbacks
from tidegate.publishing.calendar import keep_calendar, keep_holds
from tidegate.publishing.gate import read_gates
from tidegate.publishing.requirements import GateRequirements, Mart
from tidegate.publishing.shape import fit_published_tables
from tidegate.publishing.switch import (
    Contents,
    Published,
    Switch,
    delete_days,
    held_for_switching,
    insert_days,
    read_contents,
)
from tidegate.window import Window


@dataclass(frozen=True)
class Promotion:
    """What a promote did: the publications of each published day, and why each held day was held.

    `rolled_back`: the published days that go on to show what they were rolled back to.
    """

    published: Published
    held: dict[dt.date, list[str]]
    rolled_back: dict[dt.date, Rollback] = field(default_factory=dict)


def promote(lake: Lake, window: Window, requirements: GateRequirements, run_id: str) -> Promotion:
    """Switch the window's open days to their candidates, all marts in one transaction; hold the others.

    A day that was rolled back goes on to show what it was rolled back to while its candidates are those that were
    rejected; of a mart that came later it shows nothing until then.
    """
    switch = Switch.of_run(run_id, window.cadence)
    with held_for_switching(lake, window, run_id):
        promotion = lake.unit_of_work(
            lambda con: promote_open(con, window, requirements, switch),
            [("serving", mart.name) for mart in requirements.marts],
        )
        if not promotion.published:
            return promotion
        return dataclasses.replace(promotion, published=switch.with_its_snapshot(lake, promotion.published))


def promote_open(
    con: DuckDBPyConnection,
    window: Window,
    requirements: GateRequirements,
    switch: Switch,
    only: Collection[dt.date] | None = None,
) -> Promotion:
    """What `promote` does inside its transaction, to all of the window's partitions or to some only."""
    now = moment_of(con)
    gates = read_gates(con, window, requirements)
    days = [day for day in window.days if day not in gates.closed and (only is None or day in only)]
    keep_calendar(con, requirements)
    keep_holds(con, requirements, window.days if only is None else only, gates)
    if not days:
        return Promotion({}, gates.closed)
    fit_published_tables(con, requirements.marts, days, requirements.cadence)
    contents = read_contents(con, window, requirements.marts)
    keep_comments(
        con, {("serving", mart.name): mart.comments for mart in requirements.marts if mart.comments is not None}
    )
    kept = _kept(con, window, requirements, contents)
    for mart in requirements.marts:
        _switch_mart(con, mart, [day for day in days if day not in kept], contents)
        delete_days(con, mart, [day for day in days if _came_later(mart.name, kept.get(day))])
    # What a day was rolled back to is as whole as it was.
    so_far = days_so_far(con, requirements.names, kept)
    published: Published = {day: [] for day in days}
    for day in days:
        rollbacks = kept.get(day, {})
        rollback_id = next((each.rollback_id for each in rollbacks.values()), None)
        for mart in requirements.marts:
            content = _shown(mart.name, day, rollbacks, contents)
            build_id = gates.builds.get((day, mart.name), "")
            is_interim = day in so_far or requirements.goes_on(day, now)
            published[day].append(
                switch.publication(day, mart.name, build_id, content, rollback_id, is_interim=is_interim)
            )
    thing = product_thing(requirements.product, requirements.cadence)
    keep_made_of(con, thing, requirements.reads, requirements.models)
    switch.enter(con, published, f"promote {window}")
    rolled_back = {day: next(iter(kept[day].values())) for day in days if day in kept}
    return Promotion(published, gates.closed, rolled_back)


# The rollbacks of one partition, by mart.
Rollbacks = Mapping[str, Rollback]


def _kept(
    con: DuckDBPyConnection, window: Window, requirements: GateRequirements, contents: Contents
) -> dict[dt.date, Rollbacks]:
    """The rolled-back days whose candidates are still what was rejected then."""
    names = {mart.name for mart in requirements.marts}
    of_day: dict[dt.date, dict[str, Rollback]] = {}
    for rollback in standing_rollbacks(con, window):
        if rollback.mart in names:
            of_day.setdefault(rollback.partition_day, {})[rollback.mart] = rollback
    return {
        day: rollbacks
        for day, rollbacks in of_day.items()
        # All marts are of one moment: what mixes two of them was never looked at.
        if all(contents.candidate(mart, day).hash == each.candidate_hash for mart, each in rollbacks.items())
        or all(contents.candidate(mart, day).hash == each.served_hash for mart, each in rollbacks.items())
    }


def _came_later(mart: str, rollbacks: Rollbacks | None) -> bool:
    """Whether the partition shows a moment at which there was no such mart. It shows nothing of the mart then: its
    rows would be of what was rejected."""
    return rollbacks is not None and mart not in rollbacks


def _shown(mart: str, day: dt.date, rollbacks: Rollbacks, contents: Contents) -> Content:
    """What the partition shows of a mart from now on."""
    if not rollbacks:
        return contents.candidate(mart, day)
    return NOTHING if _came_later(mart, rollbacks) else contents.served(mart, day)


def _switch_mart(con: DuckDBPyConnection, mart: Mart, days: list[dt.date], contents: Contents) -> None:
    """Make the days of `serving` what they are in `marts`.

    Days that hold the same already are left alone: running again then writes no files, only the ledger.
    """
    before = {day: contents.served(mart.name, day) for day in days}
    after = {day: contents.candidate(mart.name, day) for day in days}
    changed = [day for day in days if before[day] != after[day]]
    delete_days(con, mart, [day for day in changed if before[day] != NOTHING])
    insert_days(con, mart, [day for day in changed if after[day] != NOTHING], qualified("marts", mart.name))
