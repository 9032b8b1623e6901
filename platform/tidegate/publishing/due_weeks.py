"""Which Mondays are due: to be built and published again, because days that they are made of changed since.

Decided from the ledger alone, as for days (`due_days`). A Monday that was never built is begun by its schedule; from
then on it follows the days of its window.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal
from tidegate.ledger.builds import built_mondays
from tidegate.ledger.publications import days_published_of, published_days
from tidegate.publishing.due_days import CAUSES_TOLD, DueDay, open_days_left_unpublished
from tidegate.publishing.gate import GateRequirements
from tidegate.window import ONE_WEEK, Cadence, Window


@dataclass(frozen=True)
class DaysBehind:
    """What a Monday is made of: `marts` as published on the `reach` days before it, and the newest of these days'
    deliveries of `sources`, which no mart shows."""

    marts: frozenset[str]
    sources: frozenset[str]
    reach: int


def due_weeks(con: DuckDBPyConnection, requirements: GateRequirements, behind: DaysBehind) -> list[DueDay]:
    """Every due Monday, oldest first. One that is being built is among them: only its run tells whether it still is.

    `causes` are the published days that changed since it was built, newest first, as `2024-01-05`.
    """
    unpublished = open_days_left_unpublished(con, requirements)
    rows = con.execute(
        f"""
        with builds as (
            select partition_day as week, build_id, status, publications_seen as seen, rowid as entry
            from ops.builds where cadence = {literal(Cadence.weekly)}
        ),
        weeks as (
            select week, max_by(status, entry) as status, max(entry) as entry, max_by(build_id, entry) as build_id,
                -- What a build saw that ended of itself was answered, well or not.
                max_by(seen, entry) filter (status in ('built', 'failed')) as seen
            from builds group by week
        ),
        standing as (
            select partition_day as week, build_id from ops.publications
            where cadence = {literal(Cadence.weekly)} and superseded_by is null
        ),
        {_changed_days(behind)},
        {_changes(behind)},
        causes as (
            select week, max(entry) as entry, max_by(published_at, entry) as published_at,
                list(distinct day order by day desc)[:{CAUSES_TOLD + 1}] as days
            from changes group by week
        ),
        published as (
            select distinct partition_day as week from ops.publications where cadence = {literal(Cadence.weekly)}
        )
        select w.week, p.week is not null, c.days, coalesce(c.entry, -1), c.published_at, w.entry
        from weeks as w left join causes as c using (week) left join published as p using (week)
        where c.week is not null
           or w.seen is null
           or w.status in ('building', 'interrupted')
           or w.week in (select unnest({literal(sorted(unpublished))}::date[]))
        order by w.week
        """
    ).fetchall()
    return [
        DueDay(week, restates, tuple(map(str, days or ())), entry, published_at, build)
        for week, restates, days, entry, published_at, build in rows
        if week >= requirements.starts
    ]


def _changes(behind: DaysBehind) -> str:
    """What changed for a Monday since what its newest build saw."""
    return f"""
        changes as (
            select w.week, c.day, c.entry, c.published_at
            from weeks as w join changed_days as c
            on c.day < w.week and c.day >= w.week - {behind.reach} and c.entry > coalesce(w.seen, -1)
            union
            -- Only of the newest published day with such a delivery before it does a Monday read what no mart shows.
            select w.week, c.day, c.entry, c.published_at
            from weeks as w join changed_sources as c
            on c.day < w.week and c.day >= w.week - {behind.reach} and c.entry > coalesce(w.seen, -1)
            where c.day >= coalesce((
                select max(s.day) from sourced_days as s where s.day < w.week and s.day >= w.week - {behind.reach}
            ), c.day)
            union
            -- One that is held may be so for a day that is held: it is tried again whenever a day is let in.
            select w.week, v.day, v.entry, v.published_at
            from weeks as w anti join standing as s on s.week = w.week and s.build_id = w.build_id
            join versions as v
            on v.day < w.week and v.day >= w.week - {behind.reach} and v.entry > coalesce(w.seen, -1)
        )"""


def _changed_days(behind: DaysBehind) -> str:
    """The newest change of each day: one publication that differs from the one before, or the first."""
    marts, sources = (literal(sorted(names)) for names in (behind.marts, behind.sources))
    return f"""
        versions as (
            select partition_day as day, rowid as entry, published_at, build_id,
                lag(build_id) over one_mart as build_before,
                content_hash is distinct from lag(content_hash) over one_mart as differs
            from ops.publications
            where cadence = {literal(Cadence.daily)} and mart in (select unnest({marts}::varchar[]))
            window one_mart as (partition by partition_day, mart order by rowid)
        ),
        sourced_days as (
            select partition_day as day from ops.deliveries semi join versions on day = partition_day
            where source in (select unnest({sources}::varchar[])) and verdict <> 'rejected'
            group by source, region, partition_day having max_by(rows_loaded, rowid) > 0
        ),
        changed_days as (
            select day, max(entry) as entry, max_by(published_at, entry) as published_at
            from versions where differs group by day
        ),
        seen as (
            select build_id, partition_day as day, max(deliveries_seen) as deliveries
            from ops.builds where cadence = {literal(Cadence.daily)} group by all
        ),
        touches as (
            select unnest(touched) as day, rowid as delivery
            from ops.deliveries where source in (select unnest({sources}::varchar[]))
        ),
        changed_sources as (
            select v.day, max(v.entry) as entry, max_by(v.published_at, v.entry) as published_at
            from versions as v
            join seen as s on s.build_id = v.build_id and s.day = v.day
            join seen as b on b.build_id = v.build_before and b.day = v.day
            join touches as t on t.day = v.day and t.delivery > b.deliveries and t.delivery <= s.deliveries
            group by v.day
        )"""


def weeks_to_begin(con: DuckDBPyConnection, weeks: Window, behind: DaysBehind, starts: dt.date) -> list[dt.date]:
    """The Mondays of the window that were never built, and of which all days of the week before are published, from
    `starts` on: nobody needs to wait for these until their schedule comes."""
    published = days_published_of(con, behind.marts)
    built = set(built_mondays(con))
    return [
        week
        for week in weeks_with_days(con, weeks, behind)
        if week not in built
        and published.issuperset(day for day in Window(week - ONE_WEEK, week).days if day >= starts)
    ]


def weeks_left_out(con: DuckDBPyConnection, behind: DaysBehind) -> list[dt.date]:
    """The Mondays between the first and the newest published one that were never built, although days before them
    are published."""
    there = published_days(con, cadence=Cadence.weekly)
    if not there:
        return []
    built = {*built_mondays(con), *there}
    return [
        week for week in weeks_with_days(con, Window(there[0], there[-1], Cadence.weekly), behind) if week not in built
    ]


def weeks_with_days(con: DuckDBPyConnection, weeks: Window, behind: DaysBehind) -> list[dt.date]:
    """The Mondays of the window that any published day stands before, within reach: the others would be empty."""
    rows = con.execute(
        f"""
        select distinct w.week
        from (select unnest({literal(weeks.days)}::date[]) as week) as w
        join ops.publications as p
        on p.partition_day < w.week and p.partition_day >= w.week - {behind.reach}
        where p.superseded_by is null and p.cadence = {literal(Cadence.daily)}
          and p.mart in (select unnest({literal(sorted(behind.marts))}::varchar[]))
        order by w.week
        """
    ).fetchall()
    return [week for (week,) in rows]
