"""Deliveries that were read before their day had ended, as those of a stream are: what follows from that.

While the day goes on, such a delivery counts like any other, and what is published of the day is so far. Once it has
ended, what came since is missing: it lacks until it was read again.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

# What an accepted delivery counts as that was read before its day had ended, once that has.
INTERIM = "interim"

# What a delivery counts as, of its columns.
EFFECTIVE_VERDICT = f"""
    if(verdict = 'accepted' and coalesce(interim_until <= make_timestamp(epoch_us(now())), false), '{INTERIM}', verdict)
"""

# Whether a publication is of a day that had ended. Those of before there was the column are.
IS_OF_A_WHOLE_DAY = "(is_interim is distinct from true)"


@dataclass(frozen=True)
class Interim:
    """That a delivery was read at `read_at`, before its day had ended at `until` (both UTC), and not since."""

    source: str
    region: str
    day: dt.date
    read_at: dt.datetime
    until: dt.datetime


def moment_of(con: DuckDBPyConnection) -> dt.datetime:
    """By which moment this transaction tells whether a day has ended: all that asks in it is told the same."""
    row = con.execute("select make_timestamp(epoch_us(now()))").fetchone()
    return row[0].replace(tzinfo=dt.UTC)  # type: ignore[index, no-any-return]  # a query without a table has a row


def interim_deliveries(con: DuckDBPyConnection) -> list[Interim]:
    """The deliveries that were read last before their day had ended; by source, region and day."""
    newest = "max_by(struct_pack(until := interim_until), rowid).until"
    rows = con.execute(
        f"select source, region, partition_day, max_by(started_at, rowid), {newest} as until from ops.deliveries "
        "where verdict <> 'rejected' group by source, region, partition_day having until is not null order by all"
    ).fetchall()
    return [Interim(*row) for row in rows]
