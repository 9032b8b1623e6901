"""Which days are due: to be built and published, because nobody did since their deliveries came.

Decided from the ledger alone, so it does not matter who loaded what, in which order, or what crashed between. When a
day's turn comes is decided in `orchestration.sensors.due_days`, and by `tidegate restate` for `days_to_restate`.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal
from tidegate.ledger.deliveries import stale_days
from tidegate.ledger.publications import none_of
from tidegate.ledger.required import lacking_relation, required_relation
from tidegate.ledger.waivers import STANDING_WAIVERS
from tidegate.publishing.gate import GateRequirements, closed_gates
from tidegate.publishing.reading_back import changed_days_behind
from tidegate.window import windows_of

# Enough to tell a person why; a restatement of a year may have hundreds.
CAUSES_NAMED = 5


@dataclass(frozen=True)
class DueDay:
    """A day whose deliveries are all in and accepted, or waived, and that is not published with all of them.

    `restates`: it was published before. `causes` are the deliveries it was not built with yet, newest first, as
    `orders/eu-west 2024-01-05`; `entry` is the ledger's number of the newest that concerns it, and `caused_at` when
    that was loaded (UTC, naive). `build` is the ledger's number of its newest build, -1 without one.
    """

    day: dt.date
    restates: bool
    causes: tuple[str, ...]
    entry: int
    caused_at: dt.datetime | None
    build: int


def due_days(con: DuckDBPyConnection, requirements: GateRequirements) -> list[DueDay]:
    """Every due day, oldest first. One that is being built is among them: only its run tells whether it still is."""
    behind = changed_days_behind(con, requirements.reach)
    unpublished = open_days_left_unpublished(con, requirements)
    rows = con.execute(_due_days(requirements, {*unpublished, *behind})).fetchall()
    due = [
        DueDay(day, restates, tuple(causes or ()), entry, caused_at, build)
        for day, restates, causes, entry, caused_at, build in rows
        if day >= requirements.starts
    ]
    return [_for_days_behind(each, behind[each.day]) if each.day in behind else each for each in due]


def days_due_for_any(con: DuckDBPyConnection, products: Iterable[GateRequirements]) -> list[DueDay]:
    """Every day that is due for any of the products, oldest first."""
    return due_for_any(due_days(con, product) for product in products)


def due_for_any(of_products: Iterable[Sequence[DueDay]]) -> list[DueDay]:
    """What is due of several products, each partition once: one build is of all of them."""
    found: dict[dt.date, DueDay] = {}
    for of_product in of_products:
        for each in of_product:
            found[each.day] = _together(found[each.day], each) if each.day in found else each
    return [found[day] for day in sorted(found)]


def _together(one: DueDay, other: DueDay) -> DueDay:
    moments = [each.caused_at for each in (one, other) if each.caused_at]
    return DueDay(
        one.day,
        restates=one.restates and other.restates,
        causes=tuple(dict.fromkeys((*one.causes, *other.causes))),
        entry=max(one.entry, other.entry),
        caused_at=max(moments, default=None),
        build=max(one.build, other.build),
    )


def _for_days_behind(due: DueDay, changes: Sequence[tuple[dt.date, int, dt.datetime]]) -> DueDay:
    """The due day, with the days it reads back to that changed among its causes."""
    days = [str(day) for day, _, _ in changes]
    moments = [moment for moment in (due.caused_at, *(changed_at for *_, changed_at in changes)) if moment]
    causes = (*due.causes, *days[:CAUSES_NAMED])
    entry = max(due.entry, *(entry for _, entry, _ in changes))
    return dataclasses.replace(due, causes=causes, entry=entry, caused_at=max(moments, default=None))


def _due_days(requirements: GateRequirements, unpublished: Collection[dt.date]) -> str:
    lacking = lacking_relation(requirements.deliveries, requirements.delivery_days, requirements.beside)
    return f"""
with required as ({required_relation(requirements.deliveries, requirements.delivery_days)}),
newest as (
    select source, region, partition_day as day, verdict, rowid as entry, finished_at from ops.deliveries
    semi join required using (source, region)
    qualify row_number() over (partition by source, region, partition_day order by rowid desc) = 1
),
complete as (
    select day from newest
    union
    select partition_day from ({STANDING_WAIVERS}) semi join required using (source, region)
    except
    select day from ({lacking}) where not is_waived
),
builds as (
    select partition_day as day, models, status, run_id, deliveries_seen, rowid as entry
    from ops.builds semi join complete on day = partition_day
    where cadence = 'daily'
),
-- The newest build that ended of itself, well or not: what it saw was answered.
answered as (
    select day, max_by(deliveries_seen, entry) as seen, max_by(status, entry) as status
    from builds where status in ('built', 'failed') group by day
),
whole as (
    select day from (select day, unnest(models) as model from builds where status in ('built', 'failed'))
    where model in (select unnest({literal(sorted(requirements.models))}::varchar[]))
    group by day having count(distinct model) = {len(requirements.models)}
),
last_build as (select day, max_by(status, entry) as status, max(entry) as entry from builds group by day),
touches as (
    select unnest(touched) as day, rowid as entry, source || '/' || region || ' ' || partition_day as cause,
        finished_at
    from ops.deliveries where source in (select source from required)
),
touched as (
    select t.day, max(t.entry) as entry, max_by(t.finished_at, t.entry) as finished_at,
        list(t.cause order by t.entry desc)[:{CAUSES_NAMED}] as causes
    from touches as t left join answered as a using (day)
    where t.entry > coalesce(a.seen, -1) group by t.day
),
own as (select day, max(entry) as entry, max_by(finished_at, entry) as finished_at from newest group by day),
published as (
    select distinct partition_day as day from ops.publications
    where cadence = 'daily' and {none_of(requirements.beside)}
)
select c.day, p.day is not null, t.causes, greatest(coalesce(t.entry, -1), coalesce(o.entry, -1)),
    coalesce(t.finished_at, o.finished_at), coalesce(l.entry, -1)
from complete as c
left join answered as a using (day)
left join whole as w using (day)
left join last_build as l using (day)
left join touched as t using (day)
left join own as o using (day)
left join published as p using (day)
where t.day is not null
   or a.day is null
   or (w.day is null and a.status = 'built')
   or l.status in ('building', 'interrupted')
   or c.day in (select unnest({literal(sorted(unpublished))}::date[]))
order by c.day"""


def days_to_restate(con: DuckDBPyConnection, products: Sequence[GateRequirements]) -> list[dt.date]:
    """Days that deliveries of other days touched, days of which a day that they read back to changed, and days of which
    a product may be published in a newer state than is served."""
    days = {*stale_days(con)}
    for product in products:
        days.update(changed_days_behind(con, product.reach), open_days_left_unpublished(con, product))
    return sorted(day for day in days if day >= products[0].starts)


def open_days_left_unpublished(con: DuckDBPyConnection, requirements: GateRequirements) -> list[dt.date]:
    """Days whose candidates may be published and are not: a run was killed between building and publishing them.

    Nothing touched them since they were built, so that no other entry of the ledger tells.
    """
    marts = literal([mart.name for mart in requirements.marts])
    rows = con.execute(
        f"""
        with candidates as (
            select partition_day, mart, max_by(build_id, entry) as build_id
            from (select partition_day, build_id, rowid as entry, unnest(models) as mart from ops.builds)
            where mart in (select unnest({marts}::varchar[])) group by partition_day, mart
        ),
        served as (
            select partition_day, mart, build_id from ops.publications
            where superseded_by is null and cadence = {literal(requirements.cadence)}
        )
        select distinct c.partition_day
        from candidates as c left join served as s using (partition_day, mart)
        where s.build_id is distinct from c.build_id
        """
    ).fetchall()
    unpublished = [day for (day,) in rows]
    closed = {
        day
        for window in windows_of(unpublished, requirements.cadence)
        for day in closed_gates(con, window, requirements)
    }
    return [day for day in unpublished if day not in closed]
