"""The gate and the switch: which days may reach `serving`, and moving all marts of those days at once.

The ledger is asked, never the caller, so promoting by hand passes no closed gate either. Building the
candidates and choosing what the gate requires belong to the callers.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.errors import TidegateError
from tidegate.lake import ledger, publications
from tidegate.lake.connect import Lake
from tidegate.lake.content import NOTHING, Content, content_by_day, content_by_day_select
from tidegate.lake.gate import GateRequirements, Mart, closed_gates, read_gates
from tidegate.lake.lease import candidates, lease, serving
from tidegate.lake.overwrite import ensure_table, insert_sorted, table_columns
from tidegate.lake.publications import Publication
from tidegate.lake.sql import in_window, literal, qualified
from tidegate.window import Window, windows_of

__all__ = ["GateRequirements", "Mart", "Promotion", "closed_gates", "days_to_restate", "promote"]


@dataclass(frozen=True)
class Promotion:
    """What a promote did: the publications of each published day, and why each held day was held."""

    published: dict[dt.date, list[Publication]]
    held: dict[dt.date, list[str]]


def promote(lake: Lake, window: Window, requirements: GateRequirements, run_id: str) -> Promotion:
    """Switch the window's open days to their candidates, all marts in one transaction; hold the others."""
    promote_id = uuid.uuid4().hex
    # A build under way would only close the gate; its end is worth waiting for.
    with (
        lease(lake.config, candidates(window.cadence), window.days, run_id),
        lease(lake.config, serving(window.cadence), window.days, run_id),
        lake.turn(),
    ):
        promotion = lake.unit_of_work(lambda con: _switch(con, window, requirements, run_id, promote_id))
        return _with_its_snapshot(lake, promotion, promote_id) if promotion.published else promotion


def days_to_restate(con: DuckDBPyConnection, requirements: GateRequirements) -> list[dt.date]:
    """Days that deliveries of other days touched, and days that may be published in a newer state than is served."""
    return sorted({*ledger.stale_days(con), *open_days_left_unpublished(con, requirements)})


def open_days_left_unpublished(con: DuckDBPyConnection, requirements: GateRequirements) -> list[dt.date]:
    """Days whose candidates may be published and are not: a run was killed between building and publishing them.

    Nothing touched them since they were built, so that no other entry of the ledger tells.
    """
    marts = literal([mart.name for mart in requirements.marts])
    rows = con.execute(
        f"""
        with candidates as (
            select partition_day, mart, max_by(build_id, entry) as build_id
            from (select partition_day, build_id, rowid as entry, unnest(models) as mart from ops.builds)
            where mart in (select unnest({marts}::varchar[])) group by partition_day, mart
        ),
        served as (
            select partition_day, mart, build_id from ops.publications
            where superseded_by is null and cadence = {literal(requirements.cadence)}
        )
        select distinct c.partition_day
        from candidates as c left join served as s using (partition_day, mart)
        where s.build_id is distinct from c.build_id
        """
    ).fetchall()
    unpublished = [day for (day,) in rows]
    closed = {
        day
        for window in windows_of(unpublished, requirements.cadence)
        for day in closed_gates(con, window, requirements)
    }
    return [day for day in unpublished if day not in closed]


def _switch(
    con: DuckDBPyConnection, window: Window, requirements: GateRequirements, run_id: str, promote_id: str
) -> Promotion:
    gates = read_gates(con, window, requirements)
    days = [day for day in window.days if day not in gates.closed]
    if not days:
        return Promotion({}, gates.closed)
    contents = _switch_marts(con, window, days, requirements.marts)
    published = {day: _publications(day, requirements, contents, gates.builds, run_id, promote_id) for day in days}
    publications.supersede_publications(con, days, requirements.cadence, promote_id)
    publications.record_publications(con, [row for rows in published.values() for row in rows])
    message = literal(f"promote {window}")
    con.execute(f"call lake.set_commit_message('tidegate', {message}, extra_info => {literal(promote_id)})")
    return Promotion(published, gates.closed)


def _switch_marts(
    con: DuckDBPyConnection, window: Window, days: list[dt.date], marts: tuple[Mart, ...]
) -> dict[tuple[str, dt.date], Content]:
    """Make the days of `serving` what they are in `marts`; returns their contents by mart and day.

    Days that hold the same already are left alone: running again then writes no files, only the ledger.
    """
    columns = _fit_serving(con, marts)
    contents = content_by_day(
        con,
        [
            content_by_day_select(schema, mart.name, columns[mart.name], mart.day_column, window)
            for mart in marts
            for schema in ("marts", "serving")
        ],
    )
    for mart in marts:
        before = {day: contents.get(("serving", mart.name, day), NOTHING) for day in days}
        after = {day: contents.get(("marts", mart.name, day), NOTHING) for day in days}
        changed = [day for day in days if before[day] != after[day]]
        _delete_days(con, mart, [day for day in changed if before[day] != NOTHING])
        _copy_days(con, mart, [day for day in changed if after[day] != NOTHING])
    return {(mart.name, day): contents.get(("marts", mart.name, day), NOTHING) for mart in marts for day in days}


def _fit_serving(con: DuckDBPyConnection, marts: tuple[Mart, ...]) -> dict[str, dict[str, str]]:
    """Give `serving` the tables and columns of `marts`; returns the columns by mart."""
    tables = table_columns(con, [(schema, mart.name) for mart in marts for schema in ("marts", "serving")])
    for mart in marts:
        columns = tables.get(("marts", mart.name), {})
        if mart.day_column not in columns:
            raise TidegateError(
                f"marts.{mart.name} has no column {mart.day_column} to publish days by, or is not there. "
                "Nothing was published. Build it first, and check `meta.tidegate` of the model."
            )
        if tables.get(("serving", mart.name)) != columns:
            # Not partitioned: a mart's day is a few rows, and a file for each takes twenty times as long to
            # write (365 days of 4 marts: 2.2 s against 0.1 s) and four times as long to read.
            ensure_table(con, "serving", mart.name, columns, partitioned_by=None)
    return {mart.name: tables["marts", mart.name] for mart in marts}


def _delete_days(con: DuckDBPyConnection, mart: Mart, days: list[dt.date]) -> None:
    if days:
        con.execute(f"delete from {qualified('serving', mart.name)} where {_on_days(mart, days)}")


def _copy_days(con: DuckDBPyConnection, mart: Mart, days: list[dt.date]) -> None:
    if days:
        inside = _on_days(mart, days)
        candidates = f"select * from {qualified('marts', mart.name)} where {inside}"
        insert_sorted(con, ("serving", mart.name), mart.day_column, candidates, inside)


def _on_days(mart: Mart, days: list[dt.date]) -> str:
    ranges = [in_window(mart.day_column, window) for window in windows_of(days)]
    return f"({' or '.join(ranges)})"


def _publications(
    day: dt.date,
    requirements: GateRequirements,
    contents: dict[tuple[str, dt.date], Content],
    builds: dict[tuple[dt.date, str], str],
    run_id: str,
    promote_id: str,
) -> list[Publication]:
    return [
        Publication(
            publication_id=publications.publication_id(day, promote_id),
            partition_day=day,
            cadence=requirements.cadence,
            mart=mart.name,
            run_id=run_id,
            build_id=builds.get((day, mart.name), ""),
            lake_snapshot=None,
            rows=contents[mart.name, day].rows,
            content_hash=contents[mart.name, day].hash,
            published_at=ledger.utc_now(),
            superseded_by=None,
        )
        for mart in requirements.marts
    ]


def _with_its_snapshot(lake: Lake, promotion: Promotion, promote_id: str) -> Promotion:
    """Enter the snapshot that the publishing commit made; until then its commit message tells it."""
    row = lake.con.execute("select id from lake.last_committed_snapshot()").fetchone()
    snapshot = int(row[0]) if row else None
    days = promotion.published.keys()
    lake.unit_of_work(lambda con: publications.enter_snapshot(con, days, promote_id, snapshot))
    return dataclasses.replace(
        promotion,
        published={
            day: [dataclasses.replace(row, lake_snapshot=snapshot) for row in rows]
            for day, rows in promotion.published.items()
        },
    )
