"""The sensor that keeps the record of runs true: finished ones go into the ledger, and those whose process died end.

Dagster's own launcher does not notice when a run dies together with the server that started it, or when a run of the
command line is killed; such a run would stand as started for ever and keep its days from every other.
"""

from __future__ import annotations

import datetime as dt
import json

import dagster as dg
from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

from tidegate.errors import LakeBusyError
from tidegate.home import Home
from tidegate.machine.processes import is_alive, started_at
from tidegate.orchestration.history.instance_record import InstanceRecord
from tidegate.orchestration.history.recent_runs import statuses_of
from tidegate.orchestration.history.run_ledger import enter_finished_runs
from tidegate.orchestration.instance.run_locks import lock_of_the_dead
from tidegate.orchestration.names import FINISHED, LAUNCHED_BY_TAG, LOCK_TAG, RUN_KEEPER, UNFINISHED
from tidegate.orchestration.private import report_died
from tidegate.orchestration.sensors.ticks import hurried_lake, sensor_of_the_platform

# A machine's clock may be set between the start of a process and its run's; a process id comes round later than that.
CLOCK_TOLERANCE = dt.timedelta(minutes=1)


def build_run_keeper(home: Home) -> dg.SensorDefinition:
    def run_keeper(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        return keep_runs(home, context.instance, context.cursor)

    does = "Enters finished runs in ops.pipeline_runs, and ends runs whose process died."
    return sensor_of_the_platform(home, RUN_KEEPER, does, run_keeper)


def keep_runs(home: Home, instance: DagsterInstance, cursor: str | None) -> dg.SensorResult:
    """One tick. The cursor is when the newest finished run that is in the ledger changed last."""
    end_lost_runs(home, instance)
    finished = RunsFilter(statuses=statuses_of(FINISHED))
    newest = instance.get_run_records(finished, limit=1, order_by="update_timestamp")
    state = newest[0].update_timestamp.isoformat() if newest else ""
    if state == (cursor or ""):
        return dg.SensorResult(skip_reason="No run finished since the last look.", cursor=state)
    try:
        with hurried_lake(home) as lake:
            enter_finished_runs(InstanceRecord(instance), lake)
    except LakeBusyError:
        return dg.SensorResult(
            skip_reason="The lake is busy; finished runs are entered at the next tick.", cursor=cursor
        )
    return dg.SensorResult(skip_reason="Finished runs are in the ledger.", cursor=state)


def end_lost_runs(home: Home, instance: DagsterInstance) -> None:
    """End the unfinished runs of this machine whose process is gone, however far each had come.

    What cannot be seen from here, a run of another machine, ends by the instance's launcher, or by the limits of its
    run monitoring: where machines share the record, "localhost" and a process id may be any machine's.
    """
    for run in instance.get_runs(RunsFilter(statuses=statuses_of(UNFINISHED))):
        if LOCK_TAG in run.tags:
            with lock_of_the_dead(home.settings.scratch, run.tags) as is_lost:
                if is_lost:
                    end_as_died(instance, run)
        elif not home.settings.is_shared and _launched_process_is_gone(instance, run):
            end_as_died(instance, run)


def end_as_died(instance: DagsterInstance, run: DagsterRun) -> None:
    """End a run whose process died, unless it ended before."""
    now = instance.get_run_by_id(run.run_id)
    if now is None or now.is_finished:
        # It ended since the runs were listed.
        return
    why = "Interrupted: the run's process died. Committed data is kept."
    if now.status is DagsterRunStatus.CANCELING:
        instance.report_run_canceled(now, why)
        return
    report_died(instance, now, why)


def _launched_process_is_gone(instance: DagsterInstance, run: DagsterRun) -> bool:
    """Whether a server of this machine launched the run, and its process is there no more, or is another one."""
    if json.loads(run.tags.get(LAUNCHED_BY_TAG, "{}")).get("host") not in ("localhost", "127.0.0.1"):
        return False
    records = instance.get_records_for_run(run.run_id, of_type=DagsterEventType.RUN_START, limit=1).records
    if not records:
        # It waits for its turn, or for its process, which Dagster itself gives up after a while.
        return False
    entry = records[0].event_log_entry
    pid = entry.get_dagster_event().pid
    return pid is not None and not _is_the_process(pid, dt.datetime.fromtimestamp(entry.timestamp, dt.UTC))


def _is_the_process(pid: int, seen_at: dt.datetime) -> bool:
    """Whether the process of this id is still the one that had it at `seen_at`."""
    if not is_alive(pid):
        return False
    started = started_at(pid)
    return started is None or started <= seen_at + CLOCK_TOLERANCE
