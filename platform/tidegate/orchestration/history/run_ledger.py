"""The ledger's copy of Dagster's runs, so that one query can join what ran with what it loaded and published.

Derived from Dagster's own record and brought up to date when asked; nothing depends on it.
"""

from __future__ import annotations

import datetime as dt

from dagster import DagsterInstance, DagsterRunStatus, RunRecord, RunsFilter
from duckdb import DuckDBPyConnection

from tidegate.lake.connect import Lake
from tidegate.ledger.deliveries import rows_loaded_by
from tidegate.ledger.runs import PipelineRun, newest_run_end, record_pipeline_runs
from tidegate.orchestration.names import CAUSE_TAG, FINISHED, JOB_OF_CHOSEN_ASSETS, REASON_TAG, cadence_of
from tidegate.orchestration.partitions import window_of_tags

# Runs end out of order; those that ended a little before the newest known one are looked at again.
OVERLAP = dt.timedelta(minutes=10)


def enter_finished_runs(instance: DagsterInstance, lake: Lake) -> None:
    """Enter the runs that finished since the ledger was last brought up to date."""
    if runs := finished_runs(instance, lake.con):
        lake.unit_of_work(lambda con: record_pipeline_runs(con, runs))


def finished_runs(instance: DagsterInstance, con: DuckDBPyConnection) -> list[PipelineRun]:
    """The runs that finished since the ledger was last brought up to date, and some that it has."""
    newest = newest_run_end(con)
    since = newest.replace(tzinfo=dt.UTC) - OVERLAP if newest else None
    records = instance.get_run_records(RunsFilter(statuses=list(FINISHED), updated_after=since))
    loaded = rows_loaded_by(con, [record.dagster_run.run_id for record in records])
    return [_entry(record, loaded.get(record.dagster_run.run_id)) for record in records if record.start_time]


def _entry(record: RunRecord, rows_loaded: int | None) -> PipelineRun:
    run = record.dagster_run
    started, finished = _utc(record.start_time), _utc(record.end_time)
    assert started is not None  # noqa: S101 - the caller leaves out runs that never started
    days = window_of_tags(run.tags, cadence_of(run.job_name))
    return PipelineRun(
        run_id=run.run_id,
        # Dagster's own name for a run of chosen assets, as the UI launches them, is an internal one.
        job="assets" if run.job_name.startswith(JOB_OF_CHOSEN_ASSETS) else run.job_name,
        partition_from=days.start if days.days else None,
        partition_to=days.last if days.days else None,
        status="success" if run.status is DagsterRunStatus.SUCCESS else run.status.value.lower(),
        started_at=started,
        finished_at=finished,
        seconds=(finished - started).total_seconds() if finished else None,
        rows_loaded=rows_loaded,
        reason=run.tags.get(REASON_TAG),
        cause=run.tags.get(CAUSE_TAG),
    )


def _utc(timestamp: float | None) -> dt.datetime | None:
    return dt.datetime.fromtimestamp(timestamp, dt.UTC).replace(tzinfo=None) if timestamp else None
