"""The ledger's publications: what stands in `serving`, what stood there before, and in which snapshot of the lake.

As in `ledger`, functions take a connection inside its transaction, and times are naive UTC.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.entries import insert_entries, of_days, of_window, read_entries
from tidegate.lake.sql import literal
from tidegate.window import Cadence, Window


@dataclass(frozen=True)
class Publication:
    """One row of `ops.publications`: one mart's day in `serving`."""

    publication_id: str
    partition_day: dt.date
    cadence: str
    mart: str
    run_id: str
    build_id: str
    lake_snapshot: int | None
    rows: int
    content_hash: str
    published_at: dt.datetime
    superseded_by: str | None


def rows_published(con: DuckDBPyConnection, window: Window) -> int:
    """Rows that stand in `serving` on the window's partitions, all marts taken together."""
    row = con.execute(
        "select sum(rows)::bigint from ops.publications "
        f"where superseded_by is null and cadence = {literal(window.cadence)} and {of_window(window)}"
    ).fetchone()
    return (row[0] if row else None) or 0


def record_publications(con: DuckDBPyConnection, rows: Sequence[Publication]) -> None:
    """Add publications."""
    insert_entries(con, "publications", rows)


def supersede_publications(con: DuckDBPyConnection, days: Collection[dt.date], cadence: str, promote_id: str) -> None:
    """Enter that what was published for `days` has given way to the promote's publications."""
    con.execute(
        f"update ops.publications "
        f"set superseded_by = strftime(partition_day, '%Y%m%d-') || {literal(promote_id)} "
        f"where superseded_by is null and cadence = {literal(cadence)} and {of_days(days)}"
    )


def enter_snapshot(con: DuckDBPyConnection, days: Collection[dt.date], promote_id: str, snapshot: int | None) -> None:
    """Enter the lake snapshot that a promote of `days` committed."""
    con.execute(
        f"update ops.publications set lake_snapshot = {literal(snapshot)} "
        f"where {of_days(days)} and ends_with(publication_id, {literal('-' + promote_id)})"
    )


def enter_missing_snapshots(con: DuckDBPyConnection) -> None:
    """Enter the snapshots of publications whose promote was killed before it could."""
    con.execute(
        "update ops.publications set lake_snapshot = s.snapshot_id from lake.snapshots() as s "
        "where lake_snapshot is null and s.commit_extra_info is not null "
        "and ends_with(publication_id, '-' || s.commit_extra_info)"
    )


def published_days(
    con: DuckDBPyConnection, window: Window | None = None, cadence: Cadence = Cadence.daily
) -> list[dt.date]:
    """The days, or Mondays, that `serving` holds a publication of; those of `window`, if given, in its cadence."""
    cadence = window.cadence if window else cadence
    rows = con.execute(
        "select distinct partition_day from ops.publications "
        f"where superseded_by is null and cadence = {literal(cadence)} and {of_window(window)} order by partition_day"
    ).fetchall()
    return [day for (day,) in rows]


def days_published_by(con: DuckDBPyConnection, run_ids: Collection[str], window: Window) -> set[dt.date]:
    """The partitions of the window that one of these runs published."""
    if not run_ids:
        return set()
    rows = con.execute(
        "select distinct partition_day from ops.publications "
        f"where run_id in ({', '.join(literal(run_id) for run_id in run_ids)}) "
        f"and cadence = {literal(window.cadence)} and {of_window(window)}"
    ).fetchall()
    return {day for (day,) in rows}


def newest_published_day(con: DuckDBPyConnection, cadence: Cadence = Cadence.daily) -> dt.date | None:
    row = con.execute(
        f"select max(partition_day) from ops.publications where superseded_by is null and cadence = {literal(cadence)}"
    ).fetchone()
    return row[0] if row else None


def newest_publications(con: DuckDBPyConnection, window: Window | None = None) -> list[Publication]:
    """The publications that stand, with content hashes: one per partition and mart, all or the window's.

    `lake_snapshot` is what `serving.<mart> at (version => ...)` reads that publication with.
    """
    wanted = f"cadence = {literal(window.cadence)} and {of_window(window)}" if window else "true"
    standing = read_entries(con, Publication, "publications", f"superseded_by is null and {wanted}")
    return with_snapshots(con, sorted(standing, key=lambda row: (row.partition_day, row.mart)))


def publication_history(con: DuckDBPyConnection, day: dt.date, cadence: Cadence = Cadence.daily) -> list[Publication]:
    """All publications of a day, or of a Monday's week, oldest first."""
    wanted = f"cadence = {literal(cadence)} and partition_day = {literal(day)}"
    rows = read_entries(con, Publication, "publications", wanted)
    return with_snapshots(con, sorted(rows, key=lambda row: (row.published_at, row.publication_id, row.mart)))


def with_snapshots(con: DuckDBPyConnection, rows: Sequence[Publication]) -> list[Publication]:
    """`rows` with the snapshot of those whose promote was killed before it could enter it.

    A snapshot's number is known only after its commit; its commit message names the promote.
    """
    if all(row.lake_snapshot is not None for row in rows):
        return list(rows)
    found = con.execute(
        "select commit_extra_info, snapshot_id from lake.snapshots() where commit_extra_info is not null"
    ).fetchall()
    snapshots: dict[str, int] = dict(found)
    return [
        dataclasses.replace(row, lake_snapshot=snapshots.get(promote_of(row.publication_id)))
        if row.lake_snapshot is None
        else row
        for row in rows
    ]


def publication_id(day: dt.date, promote_id: str) -> str:
    """The name of what a promote published for a day."""
    return f"{day:%Y%m%d}-{promote_id}"


def promote_of(publication_id: str) -> str:
    """The promote that made a publication, as its commit message names it."""
    return publication_id.partition("-")[2]
