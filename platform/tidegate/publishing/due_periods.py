"""Which partitions that are made of published days are due, Mondays and months: days that they are made of changed
since they were built.

Decided from the ledger alone, as for days (`due_days`). One that was never built is begun by its schedule; from then on
it follows its days.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal, rows_relation
from tidegate.ledger.builds import built_partitions
from tidegate.ledger.publications import days_published_of, published_days
from tidegate.publishing.due_days import CAUSES_TOLD, DueDay, open_days_left_unpublished
from tidegate.publishing.gate import GateRequirements
from tidegate.window import Cadence, Window


@dataclass(frozen=True)
class DaysBehind:
    """What a partition of `cadence` is made of: `marts` as published on the days that it is about and the `reach` days
    before its own, and the newest of these days' deliveries of `sources`, which no mart shows."""

    cadence: Cadence
    marts: frozenset[str]
    sources: frozenset[str]
    reach: int

    def read_by(self, partitions: Iterable[dt.date]) -> str:
        """A query for (partition, first, last): the days that each of these partitions is made of."""
        days = {partition: self.cadence.days_about(partition, self.reach) for partition in partitions}
        rows = [(partition, window.start, window.last) for partition, window in days.items()]
        return rows_relation({"partition": "date", "first": "date", "last": "date"}, rows)


def due_periods(con: DuckDBPyConnection, requirements: GateRequirements, behind: DaysBehind) -> list[DueDay]:
    """Every due partition, oldest first. One that is being built is among them: only its run tells whether it still is.

    `causes` are the published days that changed since it was built, newest first, as `2024-01-05`.
    """
    unpublished = open_days_left_unpublished(con, requirements)
    rows = con.execute(
        f"""
        with builds as (
            select partition_day as partition, build_id, status, publications_seen as seen, rowid as entry
            from ops.builds where cadence = {literal(behind.cadence)}
        ),
        partitions as (
            select partition, max_by(status, entry) as status, max(entry) as entry, max_by(build_id, entry) as build_id,
                -- What a build saw that ended of itself was answered, well or not.
                max_by(seen, entry) filter (status in ('built', 'failed')) as seen
            from builds group by partition
        ),
        reads as ({behind.read_by(built_partitions(con, behind.cadence))}),
        standing as (
            select partition_day as partition, build_id from ops.publications
            where cadence = {literal(behind.cadence)} and superseded_by is null
        ),
        {_changed_days(behind)},
        {_CHANGES},
        causes as (
            select partition, max(entry) as entry, max_by(published_at, entry) as published_at,
                list(distinct day order by day desc)[:{CAUSES_TOLD + 1}] as days
            from changes group by partition
        ),
        published as (
            select distinct partition_day as partition from ops.publications
            where cadence = {literal(behind.cadence)}
        )
        select b.partition, p.partition is not null, c.days, coalesce(c.entry, -1), c.published_at, b.entry
        from partitions as b left join causes as c using (partition) left join published as p using (partition)
        where c.partition is not null
           or b.seen is null
           or b.status in ('building', 'interrupted')
           or b.partition in (select unnest({literal(sorted(unpublished))}::date[]))
        order by b.partition
        """
    ).fetchall()
    return [
        DueDay(partition, restates, tuple(map(str, days or ())), entry, published_at, build)
        for partition, restates, days, entry, published_at, build in rows
        if partition >= requirements.starts
    ]


# What changed for a partition since what its newest build saw.
_CHANGES = """
        made_of as (
            select r.partition, r.first, r.last, b.build_id, coalesce(b.seen, -1) as seen
            from partitions as b join reads as r using (partition)
        ),
        changes as (
            select m.partition, c.day, c.entry, c.published_at
            from made_of as m join changed_days as c on c.day between m.first and m.last and c.entry > m.seen
            union
            -- Only of its newest published day with such a delivery does a partition read what no mart shows.
            select m.partition, c.day, c.entry, c.published_at
            from made_of as m join changed_sources as c on c.day between m.first and m.last and c.entry > m.seen
            where c.day >= coalesce(
                (select max(s.day) from sourced_days as s where s.day between m.first and m.last), c.day
            )
            union
            -- One that is held may be so for a day that is held: it is tried again whenever a day is let in.
            select m.partition, v.day, v.entry, v.published_at
            from made_of as m anti join standing as s on s.partition = m.partition and s.build_id = m.build_id
            join versions as v on v.day between m.first and m.last and v.entry > m.seen
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


def periods_to_begin(con: DuckDBPyConnection, partitions: Window, behind: DaysBehind, starts: dt.date) -> list[dt.date]:
    """Those of `partitions` that were never built, and of which all days that they are about are published, from
    `starts` on: nobody needs to wait for these until their schedule comes."""
    published = days_published_of(con, behind.marts)
    built = set(built_partitions(con, behind.cadence))
    return [
        partition
        for partition in periods_with_days(con, partitions, behind)
        if partition not in built
        and published.issuperset(day for day in behind.cadence.days_about(partition).days if day >= starts)
    ]


def periods_left_out(con: DuckDBPyConnection, behind: DaysBehind) -> list[dt.date]:
    """The partitions between the first and the newest published one that were never built, although days of them are
    published."""
    there = published_days(con, cadence=behind.cadence)
    if not there:
        return []
    built = {*built_partitions(con, behind.cadence), *there}
    between = Window(there[0], there[-1], behind.cadence)
    return [partition for partition in periods_with_days(con, between, behind) if partition not in built]


def periods_with_days(con: DuckDBPyConnection, partitions: Window, behind: DaysBehind) -> list[dt.date]:
    """Those of `partitions` that any published day is in the reach of: the others would be empty."""
    rows = con.execute(
        f"""
        select distinct r.partition
        from ({behind.read_by(partitions.days)}) as r
        join ops.publications as p on p.partition_day between r.first and r.last
        where p.superseded_by is null and p.cadence = {literal(Cadence.daily)}
          and p.mart in (select unnest({literal(sorted(behind.marts))}::varchar[]))
        order by r.partition
        """
    ).fetchall()
    return [partition for (partition,) in rows]
