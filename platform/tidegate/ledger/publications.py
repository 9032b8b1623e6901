"""The ledger's publications: what stands in `serving`, what stood there before, and in which snapshot of the lake.

As in `deliveries`, functions take a connection inside its transaction, and times are naive UTC.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal, on_days
from tidegate.ledger.contents import GONE, Content, Kind, enter_contents, forget_contents
from tidegate.ledger.entries import insert_entries, of_window, read_entries
from tidegate.ledger.interim import IS_OF_A_WHOLE_DAY
from tidegate.ledger.rollbacks import WITHHELD
from tidegate.window import Cadence, Window

# Publications that changed what a day shows; publishing the same content again is not a change.
CHANGES_OF_DAYS = """
    select * from (
        select partition_day, mart, publication_id, published_at, content_hash,
            lag(content_hash) over (partition by mart, partition_day order by rowid) as content_before
        from ops.publications where cadence = 'daily'
    )
    where content_hash <> content_before
"""


@dataclass(frozen=True)
class Publication:
    """One row of `ops.publications`: one mart's partition in `serving`.

    `rollback_id`: the rollback that keeps this content, None where it is the partition's own candidate.
    """

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
    rollback_id: str | None = None
    # Whether its day had not ended when it was published: it is so far. None in an older entry, whose day had.
    is_interim: bool | None = False

    def is_of_change(self, change_id: str) -> bool:
        """Whether a change of logic published it."""
        return promote_of(self.publication_id) == change_id


def rows_published(con: DuckDBPyConnection, window: Window, marts: Collection[str]) -> int:
    """Rows that stand in `serving` on the window's partitions, these marts taken together."""
    row = con.execute(
        "select sum(rows)::bigint from ops.publications "
        f"where superseded_by is null and cadence = {literal(window.cadence)} and {of_window(window)} "
        f"and mart in (select unnest({literal(sorted(marts))}::varchar[]))"
    ).fetchone()
    return (row[0] if row else None) or 0


def record_publications(con: DuckDBPyConnection, rows: Sequence[Publication]) -> None:
    """Add publications, and what they show. Add the rollbacks that they are of first."""
    insert_entries(con, "publications", rows)
    withheld = _withheld(con, rows)
    changes = enter_contents(con, [_shown(row, is_withheld=(row.publication_id, row.mart) in withheld) for row in rows])
    by_key = {(row.mart, row.partition_day): row for row in rows}
    changed = [by_key[change.now.subject, change.now.day] for change in changes if change.before != GONE]
    enter_contents(con, [_reported(row) for row in changed if row.cadence == Cadence.daily])


def _withheld(con: DuckDBPyConnection, rows: Sequence[Publication]) -> set[tuple[str, str]]:
    """Those of which nothing is shown, by publication and mart."""
    ids = sorted({row.publication_id for row in rows if row.rollback_id})
    if not ids:
        return set()
    of_rows = f"publication_id in (select unnest({literal(ids)}::varchar[]))"
    found = con.execute(f"select publication_id, mart from ops.publications where {of_rows} and {WITHHELD}").fetchall()
    return {(publication_id, mart) for publication_id, mart in found}


def _shown(row: Publication, *, is_withheld: bool) -> Content:
    content = GONE if is_withheld else row.content_hash
    return Content(Kind.mart, row.mart, row.mart, row.partition_day, content, row.published_at, row.run_id)


def _reported(row: Publication) -> Content:
    """That a mart's day changed, as pages report it."""
    return Content(Kind.report, "", row.mart, row.partition_day, row.publication_id, row.published_at, row.run_id)


def supersede_publications(
    con: DuckDBPyConnection, days: Collection[dt.date], cadence: str, promote_id: str, marts: Collection[str]
) -> None:
    """Enter that what was published of these marts for `days` has given way to the promote's publications."""
    con.execute(
        f"update ops.publications "
        f"set superseded_by = strftime(partition_day, '%Y%m%d-') || {literal(promote_id)} "
        f"where superseded_by is null and cadence = {literal(cadence)} and {on_days('partition_day', days)} "
        f"and mart in (select unnest({literal(sorted(marts))}::varchar[]))"
    )


def none_of(marts: Collection[str]) -> str:
    """The condition that a publication is of none of these marts."""
    return f"mart not in (select unnest({literal(sorted(marts))}::varchar[]))" if marts else "true"


def supersede_marts(con: DuckDBPyConnection, marts: Collection[str], switch_id: str) -> None:
    """Enter that whatever was published of these marts has left `serving`."""
    of_marts = f"in (select unnest({literal(list(marts))}::varchar[]))"
    con.execute(
        f"update ops.publications set superseded_by = strftime(partition_day, '%Y%m%d-') || {literal(switch_id)} "
        f"where superseded_by is null and mart {of_marts}"
    )
    forget_contents(con, Kind.mart, f"subject {of_marts}", switch_id)


def name_commit(con: DuckDBPyConnection, message: str, switch_id: str) -> None:
    """Name the switch in the commit of this transaction, by which its snapshot is found."""
    con.execute(f"call lake.set_commit_message('tidegate', {literal(message)}, extra_info => {literal(switch_id)})")


def enter_snapshot(con: DuckDBPyConnection, days: Collection[dt.date], promote_id: str, snapshot: int | None) -> None:
    """Enter the lake snapshot that a promote of `days` committed."""
    con.execute(
        f"update ops.publications set lake_snapshot = {literal(snapshot)} "
        f"where {on_days('partition_day', days)} and ends_with(publication_id, {literal('-' + promote_id)})"
    )


def enter_missing_snapshots(con: DuckDBPyConnection) -> None:
    """Enter the snapshots of publications whose promote was killed before it could."""
    con.execute(
        "update ops.publications set lake_snapshot = s.snapshot_id from lake.snapshots() as s "
        "where lake_snapshot is null and s.commit_extra_info is not null "
        "and ends_with(publication_id, '-' || s.commit_extra_info)"
    )


def published_days(
    con: DuckDBPyConnection,
    window: Window | None = None,
    cadence: Cadence = Cadence.daily,
    beside: Collection[str] = (),
    *,
    only_whole: bool = False,
) -> list[dt.date]:
    """The partitions that `serving` holds a publication of, but for the marts `beside`, which are other products';
    those of `window`, if given, in its cadence. With `only_whole`, without days that are so far."""
    cadence = window.cadence if window else cadence
    rows = con.execute(
        "select distinct partition_day from ops.publications "
        f"where superseded_by is null and cadence = {literal(cadence)} and {of_window(window)} and {none_of(beside)} "
        f"and {IS_OF_A_WHOLE_DAY if only_whole else 'true'} order by partition_day"
    ).fetchall()
    return [day for (day,) in rows]


def shown_builds(con: DuckDBPyConnection, window: Window) -> list[tuple[dt.date, str, str, bool]]:
    """Of each partition of the window and mart that is published, the build that `serving` shows, and whether it is of
    a whole day."""
    return con.execute(
        f"select partition_day, mart, build_id, {IS_OF_A_WHOLE_DAY} from ops.publications "
        f"where superseded_by is null and cadence = {literal(window.cadence)} and {of_window(window)}"
    ).fetchall()


def days_published_of(con: DuckDBPyConnection, marts: Collection[str]) -> set[dt.date]:
    """The days that `serving` holds a whole publication of each of the marts of, whatever products they belong to."""
    rows = con.execute(
        "select partition_day from ops.publications "
        f"where superseded_by is null and cadence = 'daily' and {IS_OF_A_WHOLE_DAY} "
        f"and mart in (select unnest({literal(sorted(marts))}::varchar[])) "
        f"group by partition_day having count(distinct mart) = {len(marts)}"
    ).fetchall()
    return {day for (day,) in rows}


def days_so_far(con: DuckDBPyConnection, marts: Collection[str], days: Collection[dt.date]) -> set[dt.date]:
    """Those of the days that `serving` shows of any of the marts as they were before they had ended."""
    if not days:
        return set()
    rows = con.execute(
        f"select distinct partition_day from ops.publications where superseded_by is null and cadence = 'daily' "
        f"and not {IS_OF_A_WHOLE_DAY} and mart in (select unnest({literal(sorted(marts))}::varchar[])) "
        f"and {on_days('partition_day', days)}"
    ).fetchall()
    return {day for (day,) in rows}


def days_published_by(
    con: DuckDBPyConnection, run_ids: Collection[str], window: Window, beside: Collection[str] = ()
) -> set[dt.date]:
    """The partitions of the window that one of these runs published, but for the marts `beside`."""
    if not run_ids:
        return set()
    rows = con.execute(
        "select distinct partition_day from ops.publications "
        f"where run_id in ({', '.join(literal(run_id) for run_id in run_ids)}) "
        f"and cadence = {literal(window.cadence)} and {of_window(window)} and {none_of(beside)}"
    ).fetchall()
    return {day for (day,) in rows}


def newest_published_day(con: DuckDBPyConnection, cadence: Cadence = Cadence.daily) -> dt.date | None:
    row = con.execute(
        f"select max(partition_day) from ops.publications where superseded_by is null and cadence = {literal(cadence)}"
    ).fetchone()
    return row[0] if row else None


def shown_extents(con: DuckDBPyConnection) -> dict[str, tuple[int, int, dt.date]]:
    """By mart how many rows and partitions it shows, and the newest of these."""
    rows = con.execute(
        "select mart, sum(rows)::bigint, count(distinct partition_day), max(partition_day) from ops.publications "
        "where superseded_by is null group by mart"
    ).fetchall()
    return {mart: (count, partitions, newest) for mart, count, partitions, newest in rows}


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


def publication_named(con: DuckDBPyConnection, publication_id: str) -> list[Publication]:
    """The marts of one publication, none when there is no such publication."""
    rows = read_entries(con, Publication, "publications", f"publication_id = {literal(publication_id)}")
    return with_snapshots(con, rows)


def kept_snapshots(con: DuckDBPyConnection) -> set[int]:
    """The snapshots of the lake that maintenance has not dropped."""
    return {snapshot for (snapshot,) in con.execute("select snapshot_id from lake.snapshots()").fetchall()}


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


def snapshot_of(con: DuckDBPyConnection, switch_id: str) -> int | None:
    """The snapshot that the switch of this id committed; None where maintenance has dropped it."""
    row = con.execute(
        f"select snapshot_id from lake.snapshots() where commit_extra_info = {literal(switch_id)}"
    ).fetchone()
    return int(row[0]) if row else None


def publication_id(day: dt.date, promote_id: str) -> str:
    """The name of what a promote published for a day."""
    return f"{day:%Y%m%d}-{promote_id}"


def promote_of(publication_id: str) -> str:
    """The promote, or change, that made a publication, as its commit message names it."""
    return publication_id.rpartition("-")[2]


def publications_of_change(con: DuckDBPyConnection, change_id: str) -> list[Publication]:
    """What a change published, by partition and mart."""
    rows = read_entries(con, Publication, "publications", f"ends_with(publication_id, {literal('-' + change_id)})")
    return with_snapshots(con, sorted(rows, key=lambda row: (row.cadence, row.partition_day, row.mart)))


def publications_before_change(con: DuckDBPyConnection, change_id: str) -> list[Publication]:
    """What stood until a change published its own."""
    return read_entries(con, Publication, "publications", f"ends_with(superseded_by, {literal('-' + change_id)})")
