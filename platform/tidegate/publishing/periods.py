"""Partitions that are made of published days, Mondays and months: which of them can be built for the first time.

From then on they follow their days, as `due` says.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal
from tidegate.ledger.builds import built_partitions
from tidegate.ledger.publications import days_published_of, days_so_far, published_days
from tidegate.publishing.due.made_of import DaysBehind
from tidegate.window import Cadence, Window


def periods_to_begin(con: DuckDBPyConnection, partitions: Window, behind: DaysBehind, starts: dt.date) -> list[dt.date]:
    """Those of `partitions` that were never built, and of which all days that they are about are published, from
    `starts` on: nobody needs to wait for these until their schedule comes."""
    published = days_published_of(con, behind.marts)
    built = set(built_partitions(con, behind.cadence))
    return [
        partition
        for partition in _with_days(con, [each for each in partitions.days if each not in built], behind)
        if published.issuperset(day for day in behind.cadence.days_about(partition).days if day >= starts)
    ]


def periods_left_out(con: DuckDBPyConnection, behind: DaysBehind) -> list[dt.date]:
    """The partitions between the first and the newest published one that were never built, although days of them are
    published."""
    there = published_days(con, cadence=behind.cadence)
    if not there:
        return []
    built = {*built_partitions(con, behind.cadence), *there}
    between = Window(there[0], there[-1], behind.cadence)
    return _with_days(con, [partition for partition in between.days if partition not in built], behind)


def periods_with_days(con: DuckDBPyConnection, partitions: Window, behind: DaysBehind) -> list[dt.date]:
    """Those of `partitions` that any published day is in the reach of: the others would be empty."""
    return _with_days(con, partitions.days, behind)


def periods_with_a_day_so_far(con: DuckDBPyConnection, partitions: Window, behind: DaysBehind) -> set[dt.date]:
    """Those of `partitions` that are about a day that is shown as it was before it had ended: it is read again, and
    they are built then."""
    days = {partition: behind.cadence.days_about(partition).days for partition in partitions.days}
    so_far = days_so_far(con, behind.marts, {day for about in days.values() for day in about})
    return {partition for partition, about in days.items() if so_far.intersection(about)}


def _with_days(con: DuckDBPyConnection, partitions: Collection[dt.date], behind: DaysBehind) -> list[dt.date]:
    # As it mostly is with those that were never built, of thousands that were.
    if not partitions:
        return []
    rows = con.execute(
        f"""
        select distinct r.partition
        from ({behind.read_by(partitions)}) as r
        join ops.publications as p on p.partition_day between r.first and r.last
        where p.superseded_by is null and p.cadence = {literal(Cadence.daily)}
          and p.mart in (select unnest({literal(sorted(behind.marts))}::varchar[]))
        order by r.partition
        """
    ).fetchall()
    return [partition for (partition,) in rows]
