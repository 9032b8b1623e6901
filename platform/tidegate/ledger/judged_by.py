"""Which deliveries were judged by another logic than their contract has now."""

from __future__ import annotations

from collections.abc import Collection

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import in_window, literal
from tidegate.ledger.deliveries import DeliveryRecord, newest_deliveries, standing_deliveries
from tidegate.ledger.names import Partition
from tidegate.window import Window


def judged_otherwise(
    con: DuckDBPyConnection,
    source: str,
    now: str,
    regions: Collection[str],
    days: Window | None,
    rejected: Collection[Partition] = (),
) -> list[DeliveryRecord]:
    """The deliveries of a source that another logic than its contract's, `now`, judged last, and that are to be judged
    by this: the newest of a region and day, and where that is rejected, the one whose rows stand in raw. `rejected`:
    where it is known to be, by judging it. `regions` are those that the contract has.

    One whose entry does not say by which logic it was judged is not said to differ.
    """
    logic = _logic_by_bytes(con, source, days)
    if set(logic.values()) <= {now, None}:
        return []

    def differs(entry: DeliveryRecord) -> bool:
        return logic[entry.partition, entry.fingerprint] not in (now, None)

    newest = {
        entry.partition: entry
        for entry in newest_deliveries(con, source, days)
        if entry.verdict in ("accepted", "rejected") and entry.region in regions
    }
    first = [entry for entry in newest.values() if differs(entry)]
    decided = {entry.partition for entry in first}.difference(rejected)
    standing = [
        entry
        for entry in standing_deliveries(con, days, source)
        if entry.partition in newest
        and entry.partition not in decided
        and entry.fingerprint != newest[entry.partition].fingerprint
        and differs(entry)
    ]
    # Beside one that stands, what was rejected after it, so that it goes on to be the newest.
    beside = [newest[entry.partition] for entry in standing if not differs(newest[entry.partition])]
    return sorted(first + standing + beside, key=lambda entry: (entry.partition_day, entry.region, entry.verdict))


def _logic_by_bytes(
    con: DuckDBPyConnection, source: str, days: Window | None
) -> dict[tuple[Partition, str], str | None]:
    """By which logic the same bytes of a delivery were judged last."""
    inside = in_window("partition_day", days) if days else "true"
    rows = con.execute(
        "select region, partition_day, fingerprint, max_by(struct_pack(logic := logic), rowid).logic "
        f"from ops.deliveries where source = {literal(source)} and {inside} group by all"
    ).fetchall()
    return {(Partition(region, day), fingerprint): logic for region, day, fingerprint, logic in rows}
