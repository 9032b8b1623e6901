"""The ledger's copy of Dagster's runs, so that one query can join what ran with what it loaded and published.

Derived from Dagster's own record and brought up to date when asked; nothing depends on it. Dagster is not imported.
"""

from __future__ import annotations

import datetime as dt

from duckdb import DuckDBPyConnection

from tidegate.lake.connect import Lake
from tidegate.ledger.deliveries import rows_loaded_by
from tidegate.ledger.runs import PipelineRun, newest_run_end, record_pipeline_runs
from tidegate.orchestration.history.record import DagsterRecord, FinishedRun
from tidegate.orchestration.names import CAUSE_TAG, JOB_OF_CHOSEN_ASSETS, REASON_TAG, cadence_of
from tidegate.orchestration.partitions import window_of_tags

# Runs end out of order; those that ended a little before the newest known one are looked at again.
OVERLAP = dt.timedelta(minutes=10)


def enter_finished_runs(record: DagsterRecord, lake: Lake) -> None:
    """Enter the runs that finished since the ledger was last brought up to date."""
    if runs := finished_runs(record, lake.con):
        lake.unit_of_work(lambda con: record_pipeline_runs(con, runs))


def finished_runs(record: DagsterRecord, con: DuckDBPyConnection) -> list[PipelineRun]:
    """The runs that finished since the ledger was last brought up to date, and some that it has."""
    newest = newest_run_end(con)
    finished = record.finished_runs(newest.replace(tzinfo=dt.UTC) - OVERLAP if newest else None)
    loaded = rows_loaded_by(con, [run.run_id for run in finished])
    return [_entry(run, started, loaded.get(run.run_id)) for run in finished if (started := _naive(run.started_at))]


def _entry(run: FinishedRun, started: dt.datetime, rows_loaded: int | None) -> PipelineRun:
    finished = _naive(run.ended_at)
    days = window_of_tags(run.tags, cadence_of(run.job))
    return PipelineRun(
        run_id=run.run_id,
        # Dagster's own name for a run of chosen assets, as the UI launches them, is an internal one.
        job="assets" if run.job.startswith(JOB_OF_CHOSEN_ASSETS) else run.job,
        partition_from=days.start if days.days else None,
        partition_to=days.last if days.days else None,
        status=run.status.lower(),
        started_at=started,
        finished_at=finished,
        seconds=(finished - started).total_seconds() if finished else None,
        rows_loaded=rows_loaded,
        reason=run.tags.get(REASON_TAG),
        cause=run.tags.get(CAUSE_TAG),
    )


def _naive(moment: dt.datetime | None) -> dt.datetime | None:
    return moment.replace(tzinfo=None) if moment else None
