"""`ops.pipeline_runs`: the ledger's copy of the runs that Dagster has recorded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal
from tidegate.ledger.entries import insert_entries, read_entries, storable


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
