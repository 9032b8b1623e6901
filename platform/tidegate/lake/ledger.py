"""The ledger: what was delivered, built and checked, and by which run. What was published is in `publications`.

Functions take a connection inside its transaction; when to commit belongs to the caller, and what the entries
mean for the gate to `promote`. Times are naive UTC.

The newest entry is the one that was committed last, told by DuckLake's row id, which compaction and updates
keep. It is therefore the one whose rows the lake holds, whatever two machines' clocks say.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.entries import insert_entries, of_window, read_entries, storable, without_nul
from tidegate.lake.schema import LEDGER
from tidegate.lake.sql import literal, qualified, rows_relation
from tidegate.window import Cadence, Window

DeliveryKey = tuple[str, str, dt.date, str]


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


@dataclass(frozen=True)
class Build:
    """One row of `ops.builds`: one day of one build."""

    build_id: str
    partition_day: dt.date
    run_id: str
    models: tuple[str, ...]
    status: str
    started_at: dt.datetime
    finished_at: dt.datetime | None


@dataclass(frozen=True)
class CheckRecord:
    """One row of `ops.check_results`. `subject` is the delivery fingerprint or build_id that was checked."""

    check_name: str
    asset: str
    partition_day: dt.date
    passed: bool
    blocking: bool
    severity: str
    dimension: str
    observed: str
    description: str
    run_id: str
    subject: str
    checked_at: dt.datetime


@dataclass(frozen=True)
class PipelineRun:
    """One row of `ops.pipeline_runs`. `partition_to` is the last day, included.

    `reason` and `cause`, of a run that a sensor launched: `first` or `restatement`, and the deliveries that it answers
    to.
    """

    run_id: str
    job: str
    partition_from: dt.date | None
    partition_to: dt.date | None
    status: str
    started_at: dt.datetime
    finished_at: dt.datetime | None
    seconds: float | None
    rows_loaded: int | None
    reason: str | None = None
    cause: str | None = None


def utc_now() -> dt.datetime:
    """Now, as the ledger writes it: naive UTC."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


def record_deliveries(con: DuckDBPyConnection, rows: Sequence[DeliveryRecord]) -> None:
    """Write deliveries; one of the same source, region, day and fingerprint is replaced.

    A rejection replaces only another rejection: what was accepted of the same bytes stands in raw, and its entry
    says so. A rejected delivery loaded nothing, so it touches nothing. Days that the replaced entry touched and
    that were not built since stay touched: loading the same bytes again changes no rows and must not hide that
    they changed once.
    """
    if not rows:
        return
    rows = storable(rows)
    owed = _days_still_owed(con, rows)
    if owed:
        _delete_replaced(con, rows)
    insert_entries(con, "deliveries", [_with_touched(row, owed.get(_key(row), [])) for row in rows])


def _key(row: DeliveryRecord) -> DeliveryKey:
    return (row.source, row.region, row.partition_day, row.fingerprint)


def _with_touched(row: DeliveryRecord, owed: Iterable[dt.date]) -> DeliveryRecord:
    own = row.touched if row.verdict != "rejected" else ()
    return dataclasses.replace(row, touched=tuple(sorted({*own, *owed})))


def _days_still_owed(con: DuckDBPyConnection, rows: Sequence[DeliveryRecord]) -> dict[DeliveryKey, list[dt.date]]:
    """The entries that `rows` replace, each with the days it touched that were not built since."""
    found = con.execute(
        f"""
        with replaced as (
            select d.rowid as entry, d.source, d.region, d.partition_day, d.fingerprint, d.touched
            from ops.deliveries as d join ({_keys_relation(rows)}) as k
            using (source, region, partition_day, fingerprint) where {_REPLACES}
        ),
        owed as (
            select t.entry, t.day
            from (select entry, unnest(touched) as day from replaced) as t
            left join ({_NEWEST_ENDED_BUILD_OF_DAY}) as b on b.partition_day = t.day
            where coalesce(b.deliveries_seen, -1) < t.entry
        )
        select r.source, r.region, r.partition_day, r.fingerprint,
               list(distinct o.day) filter (where o.day is not null)
        from replaced as r left join owed as o using (entry) group by all
        """
    ).fetchall()
    return {(source, region, day, fingerprint): days or [] for source, region, day, fingerprint, days in found}


def _delete_replaced(con: DuckDBPyConnection, rows: Sequence[DeliveryRecord]) -> None:
    con.execute(
        f"delete from ops.deliveries as d where exists (select 1 from ({_keys_relation(rows)}) as k "
        "where (k.source, k.region, k.partition_day, k.fingerprint) "
        f"= (d.source, d.region, d.partition_day, d.fingerprint) and {_REPLACES})"
    )


def _keys_relation(rows: Sequence[DeliveryRecord]) -> str:
    names = ("source", "region", "partition_day", "fingerprint", "verdict")
    types = {name: LEDGER["deliveries"][name] for name in names}
    return rows_relation(types, [(*_key(row), row.verdict) for row in rows])


# Whether an entry `k` takes the place of the entry `d` of the same bytes.
_REPLACES = "(k.verdict = 'accepted' or d.verdict <> 'accepted')"


def newest_deliveries(con: DuckDBPyConnection, source: str | None, window: Window | None) -> list[DeliveryRecord]:
    """The newest entry of every (source, region, day) in the window, or of all days; of one source or of all."""
    return read_entries(
        con, DeliveryRecord, "deliveries", _of(source, window), newest_of="source, region, partition_day"
    )


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


def good_deliveries(con: DuckDBPyConnection, source: str, before: dt.date) -> dict[tuple[str, dt.date], str]:
    """Where the archive has the newest accepted and genuine delivery of each region and earlier day of a source."""
    rows = con.execute(
        "select region, partition_day, max_by(archive, rowid) from ops.deliveries "
        f"where source = {literal(source)} and partition_day < {literal(before)} "
        "and verdict = 'accepted' and stands_in_for is null group by region, partition_day"
    ).fetchall()
    return {(region, day): archive for region, day, archive in rows}


def stand_ins(con: DuckDBPyConnection) -> list[tuple[str, str, dt.date, dt.date]]:
    """Source, region, day and the day whose delivery stands in, where the rows that stand are no genuine delivery's."""
    # In a struct: max_by passes over what is null.
    newest = "max_by(struct_pack(day := stands_in_for), rowid).day"
    return con.execute(
        f"select source, region, partition_day, {newest} as stands_in_for from ops.deliveries "
        "where verdict <> 'rejected' group by source, region, partition_day "
        "having stands_in_for is not null order by all"
    ).fetchall()


def rejected_deliveries(con: DuckDBPyConnection, window: Window | None = None) -> list[DeliveryRecord]:
    """The deliveries whose newest verdict is rejected."""
    newest = read_entries(
        con, DeliveryRecord, "deliveries", of_window(window), newest_of="source, region, partition_day"
    )
    return [delivery for delivery in newest if delivery.verdict == "rejected"]


def deliveries_by_verdict(con: DuckDBPyConnection) -> dict[str, int]:
    """How many deliveries stand as accepted and as rejected, by their newest verdict."""
    rows = con.execute(
        "select verdict, count(*) from (select max_by(verdict, rowid) as verdict from ops.deliveries "
        "group by source, region, partition_day) group by verdict order by verdict"
    ).fetchall()
    return dict(rows)


def begin_build(
    con: DuckDBPyConnection,
    build_id: str,
    days: Collection[dt.date],
    models: Collection[str],
    run_id: str,
    cadence: Cadence = Cadence.daily,
) -> None:
    """Enter a build as `building`. Commit this before the build's first write: it closes those days' gate."""
    started_at = utc_now()
    names = tuple(sorted(models))
    builds = [Build(build_id, day, run_id, names, "building", started_at, None) for day in sorted(set(days))]
    seen = {f"{table}_seen": _newest_entry(con, table) for table in ("deliveries", "publications")}
    insert_entries(con, "builds", builds, cadence=cadence.value, **seen)


def _newest_entry(con: DuckDBPyConnection, table: str) -> int:
    row = con.execute(f"select coalesce(max(rowid), -1) from {qualified('ops', table)}").fetchone()
    return int(row[0]) if row else -1


def finish_build(
    con: DuckDBPyConnection,
    build_id: str,
    failed_days: Collection[dt.date] = (),
    models: Collection[str] | None = None,
) -> None:
    """Enter a build's end: `failed` for the failed days, `built` for its others.

    `models`, when given, are those that were built in the end, in place of the announced ones.
    """
    failed = ", ".join(literal(day) for day in sorted(set(failed_days))) or "null"
    names = f", models = {literal(sorted(map(without_nul, models)))}::varchar[]" if models is not None else ""
    con.execute(
        f"update ops.builds set finished_at = {literal(utc_now())}{names}, "
        f"status = case when partition_day in ({failed}) then 'failed' else 'built' end "
        f"where build_id = {literal(build_id)}"
    )


def interrupt_build(con: DuckDBPyConnection, build_id: str) -> None:
    """Enter that a build was broken off by what may pass: its days are to be built again."""
    con.execute(
        f"update ops.builds set finished_at = {literal(utc_now())}, status = 'interrupted' "
        f"where build_id = {literal(build_id)}"
    )


def record_checks(con: DuckDBPyConnection, rows: Sequence[CheckRecord]) -> None:
    """Add check results. Of a check's results for an asset and day, the newest counts."""
    insert_entries(con, "check_results", rows)


def checks_of_day(con: DuckDBPyConnection, day: dt.date) -> list[CheckRecord]:
    """The newest result of every check of a day."""
    condition = of_window(Window.of_day(day))
    return read_entries(con, CheckRecord, "check_results", condition, newest_of="asset, check_name, partition_day")


def record_pipeline_runs(con: DuckDBPyConnection, rows: Sequence[PipelineRun]) -> None:
    """Write runs; one of the same run_id is replaced."""
    rows = storable(rows)
    if rows:
        ids = ", ".join(literal(row.run_id) for row in rows)
        con.execute(f"delete from ops.pipeline_runs where run_id in ({ids})")
    insert_entries(con, "pipeline_runs", rows)


def newest_runs(con: DuckDBPyConnection, limit: int) -> list[PipelineRun]:
    """The runs that started last."""
    newest = f"select run_id from ops.pipeline_runs order by started_at desc limit {limit}"
    return read_entries(con, PipelineRun, "pipeline_runs", f"run_id in ({newest})")


def run_ids(con: DuckDBPyConnection) -> set[str]:
    """Every run that the ledger knows."""
    return {run_id for (run_id,) in con.execute("select run_id from ops.pipeline_runs").fetchall()}


def newest_run_end(con: DuckDBPyConnection) -> dt.datetime | None:
    """When the newest run in the ledger ended."""
    row = con.execute("select max(finished_at) from ops.pipeline_runs").fetchone()
    return row[0] if row else None


def rows_loaded_by(con: DuckDBPyConnection, run_ids: Collection[str]) -> dict[str, int]:
    """Rows that the deliveries of each of these runs loaded."""
    if not run_ids:
        return {}
    rows = con.execute(
        "select run_id, sum(rows_loaded)::bigint from ops.deliveries "
        f"where run_id in ({', '.join(literal(run_id) for run_id in run_ids)}) group by run_id"
    ).fetchall()
    return dict(rows)


# One that never ended, or was broken off, may have been so before it read anything.
_NEWEST_ENDED_BUILD_OF_DAY = """
    select partition_day, max_by(deliveries_seen, rowid) as deliveries_seen
    from ops.builds where status in ('built', 'failed') and coalesce(cadence, 'daily') = 'daily' group by partition_day
"""


def stale_days(con: DuckDBPyConnection) -> list[dt.date]:
    """Days touched by a delivery that their newest ended build could not see yet: candidates for a restatement.

    A day that was never built is none; one whose build is under way is, until that ends. Told by row ids and not
    by times: a delivery may be entered before a build begins and committed after.
    """
    rows = con.execute(
        f"""
        select distinct t.day
        from (select rowid as entry, unnest(touched) as day from ops.deliveries) as t
        join ({_NEWEST_ENDED_BUILD_OF_DAY}) as b on b.partition_day = t.day and b.deliveries_seen < t.entry
        order by t.day
        """
    ).fetchall()
    return [day for (day,) in rows]


def built_mondays(con: DuckDBPyConnection) -> list[dt.date]:
    """The Mondays that any build was entered for, ended or not."""
    rows = con.execute(
        "select distinct partition_day from ops.builds "
        f"where cadence = {literal(Cadence.weekly)} order by partition_day"
    ).fetchall()
    return [monday for (monday,) in rows]


def delivered_days(con: DuckDBPyConnection, window: Window | None = None) -> list[dt.date]:
    """The days that any delivery was entered for, accepted or not."""
    rows = con.execute(
        f"select distinct partition_day from ops.deliveries where {of_window(window)} order by partition_day"
    ).fetchall()
    return [day for (day,) in rows]
