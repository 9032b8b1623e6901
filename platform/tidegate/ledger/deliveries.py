"""`ops.deliveries`: what was delivered, and what became of it.

Functions take a connection inside its transaction; when to commit belongs to the caller. Times are naive UTC.

The newest entry is the one that was committed last, told by DuckLake's row id, which compaction and updates
keep. It is therefore the one whose rows the lake holds, whatever two machines' clocks say.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal, rows_relation
from tidegate.ledger.contents import Content, Kind, enter_contents
from tidegate.ledger.entries import insert_entries, of_window, read_entries, storable
from tidegate.ledger.interim import INTERIM
from tidegate.ledger.names import DeliveryId, Partition
from tidegate.ledger.schema import LEDGER
from tidegate.window import Window


@dataclass(frozen=True)
class DeliveryRecord:
    """One row of `ops.deliveries`: what became of one delivery.

    `stands_in_for` is None for a genuine delivery; for one that stands in for it because the source was down, the
    earlier day whose delivery it is. `listing` is what stood at its source when it was captured, as its origin
    tells it.
    """

    source: str
    region: str
    partition_day: dt.date
    fingerprint: str
    verdict: str
    reason: str | None
    contract_version: str
    files: int
    bytes: int
    archive: str
    rows_read: int
    rows_loaded: int
    rows_quarantined: int
    measures: str
    touched: tuple[dt.date, ...]
    run_id: str
    started_at: dt.datetime
    finished_at: dt.datetime
    stands_in_for: dt.date | None = None
    listing: str | None = None
    # Of a rejected delivery, the days other than its own that it holds sound rows of; None in an older entry.
    withheld: tuple[dt.date, ...] | None = None
    # The hash of the contract's logic that judged it; None in an older entry.
    logic: str | None = None
    # Of one that was read before its day had ended: when that is (UTC). What comes until then is not in it.
    interim_until: dt.datetime | None = None

    @property
    def partition(self) -> Partition:
        return Partition(self.region, self.partition_day)


@dataclass(frozen=True)
class StandingIn:
    """That the rows which stand for a delivery are those of an earlier day's, because its source was down."""

    source: str
    region: str
    day: dt.date
    delivery_of: dt.date


# Of each delivery, a hash over its rows of an event date.
RowsHashes = Mapping[Partition, Mapping[dt.date, str]]


def record_deliveries(
    con: DuckDBPyConnection, rows: Sequence[DeliveryRecord], rows_hashes: RowsHashes | None = None
) -> None:
    """Write deliveries, and what they hold of each date that they touch; one of the same source, region, day and
    fingerprint is replaced.

    A rejection replaces only another rejection: what was accepted of the same bytes stands in raw, and its entry
    says so. A rejected delivery loaded nothing, so it touches nothing. What a date holds is told by `rows_hashes`, and
    where that does not, by the delivery as a whole.
    """
    rows = [_touching_nothing_if_rejected(row) for row in storable(rows)]
    if rows:
        _delete_replaced(con, rows)
    insert_entries(con, "deliveries", rows)
    held = [content for row in rows for content in _held(row, (rows_hashes or {}).get(row.partition, {}))]
    enter_contents(con, [*held, *map(_reported, rows)])


def _touching_nothing_if_rejected(row: DeliveryRecord) -> DeliveryRecord:
    return dataclasses.replace(row, touched=()) if row.verdict == "rejected" else row


def _held(row: DeliveryRecord, rows_hashes: Mapping[dt.date, str]) -> list[Content]:
    """What the delivery holds of each date that it touched."""
    name = str(DeliveryId(row.source, row.region, row.partition_day))
    whole = f"{row.verdict}:{row.fingerprint}:{row.logic}"
    return [
        Content(Kind.delivery, row.source, name, day, rows_hashes.get(day, whole), row.finished_at, row.run_id)
        for day in row.touched
    ]


def _reported(row: DeliveryRecord) -> Content:
    """What became of the delivery, as pages report it of its day."""
    verdict = INTERIM if row.verdict == "accepted" and row.interim_until else row.verdict
    facts = (verdict, row.fingerprint, row.stands_in_for, row.rows_loaded, row.rows_quarantined)
    name = f"{row.source}/{row.region}"
    return Content(Kind.report, "", name, row.partition_day, ":".join(map(str, facts)), row.finished_at, row.run_id)


def _delete_replaced(con: DuckDBPyConnection, rows: Sequence[DeliveryRecord]) -> None:
    con.execute(
        f"delete from ops.deliveries as d where exists (select 1 from ({_keys_relation(rows)}) as k "
        "where (k.source, k.region, k.partition_day, k.fingerprint) "
        f"= (d.source, d.region, d.partition_day, d.fingerprint) and {_REPLACES})"
    )


def _keys_relation(rows: Sequence[DeliveryRecord]) -> str:
    names = ("source", "region", "partition_day", "fingerprint", "verdict")
    types = {name: LEDGER["deliveries"][name] for name in names}
    return rows_relation(types, ([getattr(row, name) for name in names] for row in rows))


# Whether an entry `k` takes the place of the entry `d` of the same bytes.
_REPLACES = "(k.verdict = 'accepted' or d.verdict <> 'accepted')"


def newest_deliveries(con: DuckDBPyConnection, source: str | None, window: Window | None) -> list[DeliveryRecord]:
    """The newest entry of every (source, region, day) in the window, or of all days; of one source or of all."""
    return read_entries(
        con, DeliveryRecord, "deliveries", _of(source, window), newest_of="source, region, partition_day"
    )


def entry_of(con: DuckDBPyConnection, source: str, partition: Partition, fingerprint: str) -> DeliveryRecord | None:
    """What the ledger says of these bytes, which need not be the partition's newest delivery."""
    condition = (
        f"source = {literal(source)} and region = {literal(partition.region)} "
        f"and partition_day = {literal(partition.day)} and fingerprint = {literal(fingerprint)}"
    )
    found = read_entries(con, DeliveryRecord, "deliveries", condition, newest_of="source, region, partition_day")
    return found[0] if found else None


def _of(source: str | None, window: Window | None) -> str:
    return of_window(window) + (f" and source = {literal(source)}" if source is not None else "")


def standing_deliveries(
    con: DuckDBPyConnection, window: Window | None, source: str | None = None
) -> list[DeliveryRecord]:
    """The entry that the loaded rows of every (source, region, day) in the window are of: the newest accepted one,
    unless it was withdrawn. Of one source or of all."""
    condition = f"{_of(source, window)} and verdict <> 'rejected'"
    newest = read_entries(con, DeliveryRecord, "deliveries", condition, newest_of="source, region, partition_day")
    return [delivery for delivery in newest if delivery.verdict == "accepted"]


def rows_delivered(con: DuckDBPyConnection, window: Window) -> int:
    """Rows that the window's deliveries loaded; of a day delivered several times, those of all of them."""
    row = con.execute(f"select sum(rows_loaded)::bigint from ops.deliveries where {of_window(window)}").fetchone()
    return (row[0] if row else None) or 0


def good_deliveries(con: DuckDBPyConnection, source: str, window: Window) -> dict[Partition, str]:
    """Where the archive has the newest accepted and genuine delivery of each region and day of a source, up to the last
    of the window; of days before it, of whole days only."""
    rows = con.execute(
        "select region, partition_day, max_by(archive, rowid) from ops.deliveries "
        f"where source = {literal(source)} and partition_day < {literal(window.end)} "
        f"and (interim_until is null or partition_day >= {literal(window.start)}) "
        "and verdict = 'accepted' and stands_in_for is null group by region, partition_day"
    ).fetchall()
    return {Partition(region, day): archive for region, day, archive in rows}


def stand_ins(con: DuckDBPyConnection) -> list[StandingIn]:
    """Where the rows that stand are those of another day's delivery; by source, region and day."""
    # In a struct: max_by passes over what is null.
    newest = "max_by(struct_pack(day := stands_in_for), rowid).day"
    rows = con.execute(
        f"select source, region, partition_day, {newest} as stands_in_for from ops.deliveries "
        "where verdict <> 'rejected' group by source, region, partition_day "
        "having stands_in_for is not null order by all"
    ).fetchall()
    return [StandingIn(*row) for row in rows]


def deliveries_by_verdict(con: DuckDBPyConnection) -> dict[str, int]:
    """How many deliveries stand as accepted and as rejected, by their newest verdict."""
    rows = con.execute(
        "select verdict, count(*) from (select max_by(verdict, rowid) as verdict from ops.deliveries "
        "group by source, region, partition_day) group by verdict order by verdict"
    ).fetchall()
    return dict(rows)


def rows_loaded_by(con: DuckDBPyConnection, run_ids: Collection[str]) -> dict[str, int]:
    """Rows that the deliveries of each of these runs loaded."""
    if not run_ids:
        return {}
    rows = con.execute(
        "select run_id, sum(rows_loaded)::bigint from ops.deliveries "
        f"where run_id in ({', '.join(literal(run_id) for run_id in run_ids)}) group by run_id"
    ).fetchall()
    return dict(rows)


def delivered_days(con: DuckDBPyConnection, window: Window | None = None) -> list[dt.date]:
    """The days that any delivery was entered for, accepted or not."""
    rows = con.execute(
        f"select distinct partition_day from ops.deliveries where {of_window(window)} order by partition_day"
    ).fetchall()
    return [day for (day,) in rows]
