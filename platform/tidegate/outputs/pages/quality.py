"""How good the data of some days was: what was kept out, what changed later, what is missing or stands in.

Read from `ops` and `quarantine` once for many days; each page takes what it shows of its own.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.intake.read_quarantine import QuarantineCount, list_quarantine
from tidegate.lake.sql import day_in
from tidegate.ledger.deliveries import DeliveryRecord, StandingIn, newest_deliveries, stand_ins, standing_deliveries
from tidegate.ledger.names import DeliveryId
from tidegate.ledger.publications import CHANGES_OF_DAYS
from tidegate.ledger.waivers import standing_waivers
from tidegate.window import Window


@dataclass(frozen=True)
class SourceRows:
    """What the loaded deliveries of one source held: rows read = rows loaded + rows quarantined."""

    source: str
    deliveries: int
    rows_read: int
    rows_loaded: int
    rows_quarantined: int


@dataclass(frozen=True)
class Quarantined:
    """So many rows of a source were kept out for this reason. A row with several reasons counts for each."""

    source: str
    reason: str
    rows: int


@dataclass(frozen=True)
class Rejected:
    """A newest delivery of which nothing was loaded; `stands`: what was loaded before it stays."""

    source: str
    region: str
    day: dt.date
    reason: str
    stands: bool


@dataclass(frozen=True)
class Restated:
    """A day whose published figures changed after they were first published. Time: UTC, of the last change."""

    day: dt.date
    times_changed: int
    last_changed_at: dt.datetime


@dataclass(frozen=True)
class Quality:
    """The data quality of the days of a window."""

    rows: Sequence[SourceRows]
    quarantined: Sequence[Quarantined]
    rejected: Sequence[Rejected]
    restated: Sequence[Restated]
    earlier_days_changed: Sequence[dt.date]
    stand_ins: Sequence[StandingIn]
    waived: Sequence[DeliveryId]
    unpublished_days: Sequence[dt.date]


@dataclass(frozen=True)
class QualityRecords:
    """What the ledger and quarantine say of every day of a window. `newest` deliveries may be rejected ones."""

    loaded: Sequence[DeliveryRecord]
    newest: Sequence[DeliveryRecord]
    quarantine: Sequence[QuarantineCount]
    restated: Sequence[Restated]
    stand_ins: Sequence[StandingIn]
    waived: Sequence[DeliveryId]
    published: frozenset[dt.date]

    def of(self, window: Window) -> Quality:
        loaded = [record for record in self.loaded if record.partition_day in window]
        places = {(record.source, record.region, record.partition_day) for record in loaded}
        touched = {day for record in loaded for day in record.touched}
        return Quality(
            rows=_rows_by_source(loaded),
            quarantined=rows_by_reason([count for count in self.quarantine if count.day in window]),
            rejected=[
                Rejected(
                    d.source,
                    d.region,
                    d.partition_day,
                    d.reason or "no reason was recorded",
                    (d.source, d.region, d.partition_day) in places,
                )
                for d in self.newest
                if d.partition_day in window and d.verdict == "rejected"
            ],
            restated=[restated for restated in self.restated if restated.day in window],
            earlier_days_changed=sorted(day for day in touched if day < window.start),
            stand_ins=[standing for standing in self.stand_ins if standing.day in window],
            waived=[waived for waived in self.waived if waived.day in window],
            unpublished_days=[day for day in window.days if day not in self.published],
        )


def read_quality(con: DuckDBPyConnection, window: Window) -> QualityRecords:
    """Everything that is known of the days of `window`. At least one day must have been published before."""
    return QualityRecords(
        loaded=standing_deliveries(con, window),
        newest=newest_deliveries(con, None, window),
        quarantine=list_quarantine(con, window=window),
        restated=_restated(con, window),
        stand_ins=[standing for standing in stand_ins(con) if standing.day in window],
        waived=standing_waivers(con, window),
        published=_published(con, window),
    )


def _published(con: DuckDBPyConnection, window: Window) -> frozenset[dt.date]:
    """The days that consumers see: `daily_sales` has a row for each, with or without sales."""
    inside = day_in("order_date", window.start, window.end)
    return frozenset(
        day for (day,) in con.execute(f"select order_date from serving.daily_sales where {inside}").fetchall()
    )


def _restated(con: DuckDBPyConnection, window: Window) -> list[Restated]:
    """A day changed as often as that of its marts that changed most: products publish it each for itself."""
    rows = con.execute(
        "select partition_day, max(times), max(last) from ("
        "select partition_day, mart, count(*) as times, max(published_at) as last "
        f"from ({CHANGES_OF_DAYS}) where {day_in('partition_day', window.start, window.end)} group by all) "
        "group by partition_day order by partition_day"
    ).fetchall()
    return [Restated(*row) for row in rows]


def _rows_by_source(deliveries: Sequence[DeliveryRecord]) -> list[SourceRows]:
    by_source: dict[str, list[DeliveryRecord]] = {}
    for delivery in deliveries:
        by_source.setdefault(delivery.source, []).append(delivery)
    return [
        SourceRows(
            source,
            deliveries=len(own),
            rows_read=sum(delivery.rows_read for delivery in own),
            rows_loaded=sum(delivery.rows_loaded for delivery in own),
            rows_quarantined=sum(delivery.rows_quarantined for delivery in own),
        )
        for source, own in sorted(by_source.items())
    ]


def rows_by_reason(counts: Sequence[QuarantineCount]) -> list[Quarantined]:
    rows: Counter[tuple[str, str]] = Counter()
    for count in counts:
        rows[count.source, count.reason] += count.rows
    most_first = sorted(rows.items(), key=lambda entry: (-entry[1], entry[0]))
    return [Quarantined(source, reason, total) for (source, reason), total in most_first]
