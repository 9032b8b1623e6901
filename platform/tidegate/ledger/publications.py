"""The ledger's publications: what stands in `serving`, what stood there before, and in which snapshot of the lake.

As in `deliveries`, functions take a connection inside its transaction, and times are naive UTC.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal, on_days
from tidegate.ledger.contents import GONE, Content, Kind, enter_contents, forget_contents
from tidegate.ledger.entries import insert_entries, of_window, read_entries
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

# Publications of a mart that came after what its partition was rolled back to: nothing is shown of it.
WITHHELD = "(rollback_id is not null and (rollback_id, mart) not in (select (rollback_id, mart) from ops.rollbacks))"


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

    def is_of_change(self, change_id: str) -> bool:
        """Whether a change of logic published it."""
        return promote_of(self.publication_id) == change_id


@dataclass(frozen=True)
class Rollback:
    """One row of `ops.rollbacks`: one mart's partition, put back to what the publication `restores` showed.

    What it rejects, and withholds for as long as it stands: the content of the candidate of that moment, and what was
    served then.
    """

    rollback_id: str
    partition_day: dt.date
    cadence: str
    mart: str
    restores: str
    candidate_hash: str
    served_hash: str
    rolled_back_by: str
    reason: str | None
    rolled_back_at: dt.datetime

    @property
    def sentence(self) -> str:
        """What happened, when, by whom and why."""
        when = f"{self.rolled_back_at:%Y-%m-%d %H:%M} UTC"
        because = f": {self.reason.rstrip('.')}" if self.reason else ""
        return f"Rolled back to {self.restores} by {self.rolled_back_by} at {when}{because}."


@dataclass(frozen=True)
class Version:
    """One publication of a product's partition, all its marts taken together, as something to choose from.

    `content` is a hash over the marts': two versions with the same one show the same. `restores` is the publication
    that a rollback put back, `rejected` says that a rollback took this one away, `can_be_read` that maintenance has
    not dropped its snapshot.
    """

    publication_id: str
    cadence: str
    marts: tuple[str, ...]
    published_at: dt.datetime
    run_id: str
    rows: int
    content: str
    stands: bool
    restores: str | None
    rejected: bool
    can_be_read: bool


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
) -> list[dt.date]:
    """The partitions that `serving` holds a publication of, but for the marts `beside`, which are other products';
    those of `window`, if given, in its cadence."""
    cadence = window.cadence if window else cadence
    rows = con.execute(
        "select distinct partition_day from ops.publications "
        f"where superseded_by is null and cadence = {literal(cadence)} and {of_window(window)} and {none_of(beside)} "
        "order by partition_day"
    ).fetchall()
    return [day for (day,) in rows]


def shown_builds(con: DuckDBPyConnection, window: Window) -> list[tuple[dt.date, str, str]]:
    """Of each partition of the window and mart that is published, the build that `serving` shows."""
    return con.execute(
        "select partition_day, mart, build_id from ops.publications "
        f"where superseded_by is null and cadence = {literal(window.cadence)} and {of_window(window)}"
    ).fetchall()


def days_published_of(con: DuckDBPyConnection, marts: Collection[str]) -> set[dt.date]:
    """The days that `serving` holds a publication of each of the marts of, whatever products they belong to."""
    rows = con.execute(
        "select partition_day from ops.publications "
        "where superseded_by is null and cadence = 'daily' "
        f"and mart in (select unnest({literal(sorted(marts))}::varchar[])) "
        f"group by partition_day having count(distinct mart) = {len(marts)}"
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


def versions_of(con: DuckDBPyConnection, day: dt.date) -> list[Version]:
    """The publications of a day, and of the Monday that it is, oldest first."""
    of_day = f"partition_day = {literal(day)}"
    rows = with_snapshots(con, read_entries(con, Publication, "publications", of_day))
    restored = {each.rollback_id: each.restores for each in read_entries(con, Rollback, "rollbacks", of_day)}
    rejecting = {promote_of(rollback_id) for rollback_id in restored}
    snapshots = kept_snapshots(con)
    marts: dict[str, list[Publication]] = {}
    for row in sorted(rows, key=lambda row: (row.published_at, row.publication_id, row.mart)):
        marts.setdefault(row.publication_id, []).append(row)
    return [_version(of_version, restored, rejecting, snapshots) for of_version in marts.values()]


def _version(
    marts: Sequence[Publication],
    restored: Mapping[str, str],
    rejecting: Collection[str],
    snapshots: Collection[int],
) -> Version:
    first = marts[0]
    contents = ",".join(f"{row.mart}:{row.content_hash}" for row in marts)
    return Version(
        publication_id=first.publication_id,
        cadence=first.cadence,
        marts=tuple(row.mart for row in marts),
        published_at=first.published_at,
        run_id=first.run_id,
        rows=sum(row.rows for row in marts),
        content=hashlib.md5(contents.encode(), usedforsecurity=False).hexdigest(),
        stands=first.superseded_by is None,
        restores=next((restored[row.rollback_id] for row in marts if row.rollback_id), None),
        rejected=first.superseded_by is not None and promote_of(first.superseded_by) in rejecting,
        can_be_read=first.lake_snapshot in snapshots,
    )


def record_rollbacks(con: DuckDBPyConnection, rows: Sequence[Rollback]) -> None:
    """Add rollbacks."""
    insert_entries(con, "rollbacks", rows)


def standing_rollbacks(con: DuckDBPyConnection, window: Window | None = None) -> list[Rollback]:
    """The rollbacks that `serving` shows, one per partition and mart: all of them, or the window's."""
    if not _any_rollbacks(con):
        return []
    of_cadence = f"cadence = {literal(window.cadence)}" if window else "true"
    return read_entries(
        con,
        Rollback,
        "rollbacks",
        "(rollback_id, mart) in (select (rollback_id, mart) from ops.publications where superseded_by is null) "
        f"and {of_cadence} and {of_window(window)}",
    )


def _any_rollbacks(con: DuckDBPyConnection) -> bool:
    """Whether anything was ever rolled back. Mostly nothing was, and every run asks which of it stands or ended: a
    comparison with all publications, which takes as long as ten of these."""
    return bool(con.execute("select 1 from ops.rollbacks limit 1").fetchone())


def marts_withheld(con: DuckDBPyConnection) -> dict[str, list[str]]:
    """Of each rollback that stands, by its id, the marts that came later, of which its partition shows nothing."""
    rows = con.execute(
        "select rollback_id, list(mart order by mart) from ops.publications "
        f"where superseded_by is null and {WITHHELD} group by rollback_id"
    ).fetchall()
    return dict(rows)


def sentences_of_rollbacks(con: DuckDBPyConnection, window: Window | None = None) -> dict[tuple[dt.date, str], str]:
    """What happened to each rolled-back partition, by day and cadence, and of which marts it shows nothing; of several
    products that were rolled back, one sentence after the other."""
    standing = standing_rollbacks(con, window)
    withheld = marts_withheld(con) if standing else {}
    sentences: dict[tuple[dt.date, str], dict[str, None]] = {}
    for each in standing:
        sentence = each.sentence + _shows_nothing_of(withheld.get(each.rollback_id, []))
        sentences.setdefault((each.partition_day, each.cadence), {})[sentence] = None
    return {partition: " ".join(of_partition) for partition, of_partition in sentences.items()}


def _shows_nothing_of(marts: Sequence[str]) -> str:
    return f" Nothing is shown of {', '.join(marts)}, which came later." if marts else ""


def rollbacks_ended_by(con: DuckDBPyConnection, run_id: str, window: Window) -> list[Rollback]:
    """The rollbacks, one per partition and mart of the window, that a run ended by publishing other data."""
    if not _any_rollbacks(con):
        return []
    return read_entries(
        con,
        Rollback,
        "rollbacks",
        "rollback_id in (select before.rollback_id from ops.publications as before "
        # Whichever marts there are now: a rollback is of its partition.
        "join ops.publications as after on after.publication_id = before.superseded_by "
        f"where after.rollback_id is null and after.run_id = {literal(run_id)}) "
        f"and cadence = {literal(window.cadence)} and {of_window(window)}",
    )


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
