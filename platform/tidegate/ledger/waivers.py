"""Waivers: the leave, entered in the ledger, to publish a day without a delivery that did not come in time.

A waiver counts only as long as nothing was delivered: whatever comes is judged, and the day is built again with it.
Whose contract allows one, and when, is the callers' policy.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import in_window, qualified, rows_relation
from tidegate.ledger.names import DeliveryId
from tidegate.window import Window

WAIVERS = {
    "source": "varchar",
    "region": "varchar",
    "partition_day": "date",
    "reason": "varchar",
    "granted_at": "timestamp",
}


@dataclass(frozen=True)
class Waiver:
    """One row of `ops.waivers`."""

    source: str
    region: str
    partition_day: dt.date
    reason: str
    granted_at: dt.datetime


# Those of deliveries that have come since count no more.
STANDING_WAIVERS = """
    select distinct source, region, partition_day from ops.waivers
    anti join ops.deliveries using (source, region, partition_day)
"""


def grant(con: DuckDBPyConnection, waivers: Sequence[Waiver]) -> None:
    """Enter waivers, inside the caller's transaction; one that stands already is not entered again."""
    if waivers:
        rows = rows_relation(WAIVERS, [tuple(vars(waiver).values()) for waiver in waivers])
        con.execute(
            f"insert into {qualified('ops', 'waivers')} by name "
            f"select * from ({rows}) anti join ops.waivers using (source, region, partition_day)"
        )


def standing_waivers(con: DuckDBPyConnection, window: Window | None = None) -> list[DeliveryId]:
    """The deliveries that are waived and still missing; by day, source and region."""
    inside = in_window("partition_day", window) if window else "true"
    rows = con.execute(
        f"select source, region, partition_day from ({STANDING_WAIVERS}) where {inside} "
        "order by partition_day, source, region"
    ).fetchall()
    return [DeliveryId(*row) for row in rows]
