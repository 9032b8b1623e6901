"""What the ledger knows of deliveries, asked by those who look at the sources: what is loaded, what is lacking."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal, rows_relation
from tidegate.ledger.entries import utc_now
from tidegate.ledger.interim import INTERIM
from tidegate.ledger.names import Partition
from tidegate.ledger.required import NEWEST_DELIVERIES, DaysOfPlaces, lacking_relation, settled_days


@dataclass(frozen=True)
class Known:
    """The newest entry of a delivery. `listing` is what stood at its source then, `entry` the ledger's number, and
    `loaded_at` UTC, naive. `interim_until`: see `DeliveryRecord`."""

    verdict: str
    listing: str | None
    stands_in: bool
    entry: int
    run_id: str
    loaded_at: dt.datetime
    interim_until: dt.datetime | None = None
    # How long it took to load.
    took: dt.timedelta = dt.timedelta()

    @property
    def is_interim(self) -> bool:
        """Whether it was read before its day had ended: once that has, it is to be read again."""
        return self.interim_until is not None

    @property
    def is_outlived(self) -> bool:
        """Whether its day has ended since."""
        return self.interim_until is not None and self.interim_until <= utc_now()


def known_deliveries(con: DuckDBPyConnection, source: str, partitions: Iterable[Partition]) -> dict[Partition, Known]:
    """The newest entry of each of these partitions of a source that has any."""
    types = {"region": "varchar", "partition_day": "date"}
    wanted = rows_relation(types, [(each.region, each.day) for each in sorted(set(partitions))])
    rows = con.execute(
        f"""
        select region, partition_day, verdict, listing, stands_in_for is not null, rowid, run_id, finished_at,
            interim_until, finished_at - started_at
        from ops.deliveries semi join ({wanted}) using (region, partition_day)
        where source = {literal(source)}
        qualify row_number() over (partition by region, partition_day order by rowid desc) = 1
        """
    ).fetchall()
    return {Partition(region, day): Known(*entry) for region, day, *entry in rows}


def still_awaited(
    con: DuckDBPyConnection, source: str, partitions: Iterable[Partition], beside: Collection[str]
) -> list[Partition]:
    """Those of these partitions, which have ended, that nothing came for, or nothing but their first hours, and whose
    days were not published without. The marts `beside`, which are not made of the source, do not count."""
    wanted = list(partitions)
    known = known_deliveries(con, source, wanted)
    settled = settled_days(con, source, (each.day for each in wanted), beside)
    return [each for each in wanted if (each not in known or known[each].is_interim) and each.day not in settled]


def days_lacking(
    con: DuckDBPyConnection,
    source: str,
    required: Collection[tuple[str, str]],
    delivery_days: DaysOfPlaces,
    limit: int,
    beside: Collection[str] = (),
) -> list[dt.date]:
    """The oldest days for which anything required was delivered, and that lack a genuine delivery of the source."""
    rows = con.execute(
        f"""
        with stand_ins as (
            select region, day from ({NEWEST_DELIVERIES})
            where source = {literal(source)} and verdict = 'accepted' and not is_genuine
        )
        select day from ({lacking_relation(required, delivery_days, beside)})
        where source = {literal(source)} and verdict is distinct from 'rejected'
        union
        select day from stand_ins where region in (select unnest({literal(_regions_of(source, required))}::varchar[]))
        order by day limit {limit}
        """
    ).fetchall()
    return [day for (day,) in rows]


def _regions_of(source: str, required: Collection[tuple[str, str]]) -> list[str]:
    return sorted(region for name, region in required if name == source)


def incomplete_days(
    con: DuckDBPyConnection,
    required: Collection[tuple[str, str]],
    delivery_days: DaysOfPlaces,
    beside: Collection[str] = (),
) -> dict[dt.date, list[tuple[str, str]]]:
    """Days for which some of what is required was delivered, and what was neither delivered nor waived.

    Days of which a delivery stands rejected, or was not read to its end, are left out: they lack more than can be
    waived.
    """
    rows = con.execute(
        f"""
        select day, list((source, region) order by source, region) filter (not is_waived)
        from ({lacking_relation(required, delivery_days, beside)})
        group by day
        having not bool_or(coalesce(verdict in ('rejected', '{INTERIM}'), false)) and not bool_and(is_waived)
        order by day
        """
    ).fetchall()
    return {day: [tuple(place) for place in missing] for day, missing in rows}


def standing_regions(con: DuckDBPyConnection, source: str) -> list[str]:
    """The regions of a source that raw holds a delivery of."""
    rows = con.execute(
        f"""
        select distinct region from (
            select region, max_by(verdict, rowid) as verdict from ops.deliveries
            where source = {literal(source)} and verdict <> 'rejected' group by region, partition_day
        )
        where verdict = 'accepted' order by region
        """
    ).fetchall()
    return [region for (region,) in rows]


def awaited_days(con: DuckDBPyConnection) -> dict[str, list[dt.date]]:
    """By source, the days that its rows were delivered for and that nothing was delivered on, nor ever published."""
    rows = con.execute(
        """
        select source, list(day order by day)
        from (select distinct subject as source, day from ops.contents where kind = 'delivery')
        where day not in (select partition_day from ops.deliveries)
          and day not in (select partition_day from ops.publications where cadence = 'daily')
        group by source order by source
        """
    ).fetchall()
    return dict(rows)


def days_without_rejected(con: DuckDBPyConnection) -> list[tuple[dt.date, str]]:
    """Published days that a rejected delivery of another day holds sound rows of, and that delivery.

    One that was accepted before, byte for byte, lacks on no day: raw holds its rows still.
    """
    return con.execute(
        """
        with newest as (
            select source, region, partition_day, fingerprint, verdict, withheld from ops.deliveries
            qualify row_number() over (partition by source, region, partition_day order by rowid desc) = 1
        )
        select day, source || '/' || region || ' ' || partition_day
        from (select *, unnest(withheld) as day from newest where verdict = 'rejected') as n
        anti join (select * from ops.deliveries where verdict = 'accepted') as a
        using (source, region, partition_day, fingerprint)
        where day in (select partition_day from ops.publications where superseded_by is null and cadence = 'daily')
        order by all
        """
    ).fetchall()
