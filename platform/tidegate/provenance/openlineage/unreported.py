"""Which runs OpenLineage has not been told of, what they wrote, and that it was told: read from and kept in the ledger.

Nothing is told from inside a run: one that is killed would take the telling with it.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.connect import Lake
from tidegate.lake.sql import literal, sql_file
from tidegate.ledger.entries import insert_entries, read_entries, utc_now
from tidegate.ledger.runs import PipelineRun

# Runs that ended before these are not told any more: whoever switches it on does not want ten years at once.
TOLD_FOR = dt.timedelta(days=7)
# A tick has a minute for all that it tells.
RUNS_AT_ONCE = 50


@dataclass(frozen=True)
class Written:
    """A table that a run wrote rows to: `raw.<source>`, from these regions, or `serving.<mart>`, with the id of the
    newest publication as its version."""

    schema: str
    name: str
    rows: int
    regions: tuple[str, ...]
    version: str | None


@dataclass(frozen=True)
class Told:
    """How many runs the receiver was told of, and by how many events."""

    runs: int
    events: int


@dataclass(frozen=True)
class _ToldOf:
    run_id: str
    told_at: dt.datetime


def unreported_runs(lake: Lake) -> list[PipelineRun]:
    """The finished runs that were not told, at most RUNS_AT_ONCE, the oldest first."""
    since = literal(utc_now() - TOLD_FOR)
    unreported = (
        f"select run_id from ops.pipeline_runs where finished_at >= {since} "
        f"and run_id not in (select run_id from ops.lineage_told) order by finished_at, run_id limit {RUNS_AT_ONCE}"
    )
    runs = read_entries(lake.con, PipelineRun, "pipeline_runs", f"run_id in ({unreported})")
    return sorted(runs, key=lambda run: (run.started_at, run.run_id))


def written_by(lake: Lake, run_ids: Collection[str]) -> Mapping[str, Sequence[Written]]:
    """What each of the runs wrote, by run."""
    among = ", ".join(map(literal, run_ids)) or "null"
    query = sql_file("tidegate.provenance.openlineage", "written.sql", runs=f"run_id in ({among})")
    found: dict[str, list[Written]] = defaultdict(list)
    for run_id, schema, name, rows, regions, version in lake.con.execute(query).fetchall():
        found[run_id].append(Written(schema, name, rows, tuple(regions), version))
    return found


def remember_told(lake: Lake, run_ids: Sequence[str]) -> None:
    """Keep that they were told, and forget those that are too old to be told again."""
    now = utc_now()

    def remember(con: DuckDBPyConnection) -> None:
        insert_entries(con, "lineage_told", [_ToldOf(run_id, now) for run_id in run_ids])
        con.execute(f"delete from ops.lineage_told where told_at < {literal(now - 2 * TOLD_FOR)}")

    lake.unit_of_work(remember, [("ops", "lineage_told")])
