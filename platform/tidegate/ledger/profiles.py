"""`ops.profiles`: how each delivery that its contract let in looked, a row for it and one for each of its columns.

What the figures mean is the contract's judging's; what is unusual about them is decided there too. Of a source's
region and day there is the profile of one delivery, the one that was judged last.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import day_in, literal, rows_relation
from tidegate.ledger.entries import insert_entries, read_entries
from tidegate.ledger.names import Partition


@dataclass(frozen=True)
class ProfileRow:
    """One row of `ops.profiles`. That of the delivery as a whole has no `column_name`: its `row_count` are the rows
    that were read, those of a column the sound ones."""

    source: str
    region: str
    partition_day: dt.date
    fingerprint: str
    column_name: str | None
    row_count: int
    nulls: int | None = None
    center: float | None = None
    spread: float | None = None
    hashed_by: str | None = None
    # Of the delivery as a whole: a hash over what it was compared with, and whether it was rejected for that.
    compared_with: str | None = None
    is_rejected: bool | None = None

    @property
    def partition(self) -> Partition:
        return Partition(self.region, self.partition_day)


def profile_rows(con: DuckDBPyConnection, source: str, start: dt.date, end: dt.date) -> list[ProfileRow]:
    """Of the source's deliveries of the days in `[start, end)`."""
    return read_entries(
        con, ProfileRow, "profiles", f"source = {literal(source)} and {day_in('partition_day', start, end)}"
    )


def put_profiles(con: DuckDBPyConnection, rows: Sequence[ProfileRow], replaced: Sequence[Partition]) -> None:
    """Enter profiles of deliveries of one source; those of `replaced` had another, which goes."""
    if replaced:
        days = [partition.day for partition in replaced]
        keys = rows_relation({"region": "varchar", "day": "date"}, [(each.region, each.day) for each in replaced])
        con.execute(
            f"delete from ops.profiles where source = {literal(rows[0].source)} "
            f"and {day_in('partition_day', min(days), max(days) + dt.timedelta(days=1))} "
            f"and (region, partition_day) in (select (region, day) from ({keys}))"
        )
    insert_entries(con, "profiles", rows)
