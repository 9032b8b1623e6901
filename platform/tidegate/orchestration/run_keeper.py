"""The sensor that keeps the record of runs true: finished ones go into the ledger, and those whose process died end.

Dagster's own launcher does not notice when a run dies together with the server that started it, or when a run of the
command line is killed; such a run would stand as started for ever and keep its days from every other.
"""

from __future__ import annotations

import json
import socket

import dagster as dg
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter
from dagster._core.events import DagsterEventType, JobFailureData, RunFailureReason
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.tags import GRPC_INFO_TAG

from tidegate.errors import LakeBusyError
from tidegate.home import Home
from tidegate.orchestration.names import HOST_TAG
from tidegate.orchestration.run_ledger import enter_finished_runs
from tidegate.orchestration.ticks import hurried_lake, sensor_status
from tidegate.processes import is_alive


def build_run_keeper(home: Home) -> dg.SensorDefinition:
    @dg.sensor(
        name="run_keeper",
        minimum_interval_seconds=home.settings.tick_seconds,
        default_status=sensor_status(home.settings),
        description="Enters finished runs in ops.pipeline_runs, and ends runs whose process died.",
    )
    def run_keeper(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        return keep_runs(home, context.instance, context.cursor)

    return run_keeper


def keep_runs(home: Home, instance: DagsterInstance, cursor: str | None) -> dg.SensorResult:
    """One tick. The cursor is when the newest finished run that is in the ledger changed last."""
    for run in lost_runs(instance):
        data = JobFailureData(error=None, failure_reason=RunFailureReason.UNEXPECTED_TERMINATION)
        instance.report_run_failed(
            run, "Its process is gone, so this run has ended. What it had committed stays.", data
        )
    finished = RunsFilter(statuses=list(FINISHED_STATUSES))
    newest = instance.get_run_records(finished, limit=1, order_by="update_timestamp")
    state = newest[0].update_timestamp.isoformat() if newest else ""
    if state == (cursor or ""):
        return dg.SensorResult(skip_reason="No run finished since the last look.", cursor=state)
    try:
        with hurried_lake(home) as lake:
            enter_finished_runs(instance, lake)
    except LakeBusyError:
        return dg.SensorResult(
            skip_reason="The lake is busy; finished runs are entered at the next tick.", cursor=cursor
        )
    return dg.SensorResult(skip_reason="Finished runs are in the ledger.", cursor=state)


def lost_runs(instance: DagsterInstance) -> list[DagsterRun]:
    """Started runs of this machine whose process is gone."""
    started = instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.STARTED]))
    return [run for run in started if _is_of_this_machine(run) and _process_is_gone(instance, run)]


def _is_of_this_machine(run: DagsterRun) -> bool:
    """Whether its process would be seen here: the command line's by its tag, a launched one's by its server."""
    if HOST_TAG in run.tags:
        return run.tags[HOST_TAG] == socket.gethostname()
    server = json.loads(run.tags.get(GRPC_INFO_TAG, "{}"))
    return server.get("host") in ("localhost", "127.0.0.1")


def _process_is_gone(instance: DagsterInstance, run: DagsterRun) -> bool:
    records = instance.get_records_for_run(run.run_id, of_type=DagsterEventType.RUN_START, limit=1).records
    pid = records[0].event_log_entry.get_dagster_event().pid if records else None
    return pid is not None and not is_alive(pid)
