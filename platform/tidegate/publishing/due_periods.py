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
from tidegate.publishing.due_days import CAUSES_NAMED, DueDay, due_for_any, open_days_left_unpublished
from tidegate.publishing.gate import GateRequirements
from tidegate.window import Cadence, Window


@dataclass(frozen=True)
class DaysBehind:
    """What a partition of `cadence` is made of: `marts` as published on the days that it is about and the `reach` days
    before its own; those among them that are in `newest`, on the newest of these days alone."""

    cadence: Cadence
    marts: frozenset[str]
    newest: frozenset[str]
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
        {_changes(behind)},
        causes as (
            select partition, max(entry) as entry, max_by(published_at, entry) as published_at,
                list(distinct day order by day desc)[:{CAUSES_NAMED + 1}] as days
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


def periods_due_for_any(
    con: DuckDBPyConnection, products: Iterable[GateRequirements], behind: DaysBehind
) -> list[DueDay]:
    """Every partition that is due for any of the products, oldest first."""
    return due_for_any(due_periods(con, product, behind) for product in products)


def _changes(behind: DaysBehind) -> str:
    """What changed for a partition since what its newest build saw: publications of a day that differ from those
    before, or the first."""
    marts, newest = (literal(sorted(names)) for names in (behind.marts, behind.newest))
    return f"""
        versions as (
            select partition_day as day, mart, rowid as entry, published_at,
                superseded_by is null and rows > 0 as shows,
                content_hash is distinct from lag(content_hash) over one_mart as differs
            from ops.publications
            where cadence = {literal(Cadence.daily)} and mart in (select unnest({marts}::varchar[]))
            window one_mart as (partition by partition_day, mart order by rowid)
        ),
        changed_days as (
            select day, mart, max(entry) as entry, max_by(published_at, entry) as published_at
            from versions where differs group by day, mart
        ),
        made_of as (
            select r.partition, r.first, r.last, coalesce(b.seen, -1) as seen
            from partitions as b join reads as r using (partition)
        ),
        -- Of some marts a partition reads only the newest day that shows anything.
        newest_days as (
            select m.partition, v.mart, max(v.day) as day
            from made_of as m join versions as v on v.day between m.first and m.last
            where v.shows and v.mart in (select unnest({newest}::varchar[]))
            group by m.partition, v.mart
        ),
        changes as (
            select m.partition, c.day, c.entry, c.published_at
            from made_of as m
            join changed_days as c on c.day between m.first and m.last and c.entry > m.seen
            left join newest_days as n on n.partition = m.partition and n.mart = c.mart
            where c.day >= coalesce(n.day, c.day)
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
