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
    regions: Collection[str],
    required: Collection[tuple[str, str]],
    limit: int,
) -> list[dt.date]:
    """The oldest days for which anything required was delivered, but not every region of this source genuinely."""
    rows = con.execute(
        f"""
        with begun as (
            select distinct partition_day as day from ops.deliveries
            semi join ({rows_relation({"source": "varchar", "region": "varchar"}, sorted(required))})
            using (source, region)
        ),
        here as (
            select partition_day as day, region, max_by(stands_in_for, rowid) as stands_in_for from ops.deliveries
            where source = {literal(source)} and region in (select unnest({literal(sorted(regions))}::varchar[]))
            group by all
        )
        select b.day from begun as b left join here as h using (day)
        group by b.day having count(h.region) filter (h.stands_in_for is null) < {len(regions)}
        order by b.day limit {limit}
        """
    ).fetchall()
    return [day for (day,) in rows]
