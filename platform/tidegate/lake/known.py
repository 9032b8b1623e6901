"""What the ledger knows of deliveries, asked by those who look at the sources: what is loaded, what is lacking."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal, rows_relation

Place = tuple[str, dt.date]


@dataclass(frozen=True)
class Known:
    """The newest entry of a delivery. `listing` is what stood at its source then, `entry` the ledger's number, and
    `loaded_at` UTC, naive."""

    verdict: str
    listing: str | None
    stands_in: bool
    entry: int
    run_id: str
    loaded_at: dt.datetime


def known_deliveries(con: DuckDBPyConnection, source: str, places: Iterable[Place]) -> dict[Place, Known]:
    """The newest entry of each of these (region, day) of a source that has any."""
    wanted = rows_relation({"region": "varchar", "partition_day": "date"}, sorted(set(places)))
    rows = con.execute(
        f"""
        select region, partition_day, verdict, listing, stands_in_for is not null, rowid, run_id, finished_at
        from ops.deliveries semi join ({wanted}) using (region, partition_day)
        where source = {literal(source)}
        qualify row_number() over (partition by region, partition_day order by rowid desc) = 1
        """
    ).fetchall()
    return {(region, day): Known(*entry) for region, day, *entry in rows}


def days_lacking(
    con: DuckDBPyConnection,
    source: str,
    regions: int,
    required: Collection[tuple[str, str]],
    limit: int,
) -> list[dt.date]:
    """The oldest days for which anything required was delivered, but not each of the source's `regions` genuinely."""
    rows = con.execute(
        f"""
        with newest as (
            select source, region, partition_day as day, max_by(stands_in_for is null, rowid) as is_genuine
            from ops.deliveries
            semi join ({rows_relation({"source": "varchar", "region": "varchar"}, sorted(required))})
            using (source, region)
            group by all
        )
        select day from newest group by day
        having count(*) filter (source = {literal(source)} and is_genuine) < {regions}
        order by day limit {limit}
        """
    ).fetchall()
    return [day for (day,) in rows]


def incomplete_days(
    con: DuckDBPyConnection, required: Collection[tuple[str, str]]
) -> dict[dt.date, list[tuple[str, str]]]:
    """Days for which some of what is required was delivered, and what was neither delivered nor waived.

    Days of which a delivery stands rejected are left out: they lack more than can be waived.
    """
    wanted = rows_relation({"source": "varchar", "region": "varchar"}, sorted(required))
    rows = con.execute(
        f"""
        with required as ({wanted}),
        newest as (
            select source, region, partition_day as day, max_by(verdict, rowid) as verdict
            from ops.deliveries semi join required using (source, region) group by all
        ),
        begun as (select day from newest group by day having bool_and(verdict = 'accepted'))
        select b.day, list((r.source, r.region) order by r.source, r.region)
        from begun as b cross join required as r
        anti join newest as n on n.day = b.day and n.source = r.source and n.region = r.region
        anti join ops.waivers as w on w.partition_day = b.day and w.source = r.source and w.region = r.region
        group by b.day order by b.day
        """
    ).fetchall()
    return {day: [tuple(place) for place in missing] for day, missing in rows}
