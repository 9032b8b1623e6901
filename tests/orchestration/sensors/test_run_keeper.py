"""Finished runs are in the ledger with why they ran; runs whose process died end, and no others."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dagster import DagsterRunStatus
from dagster._core.storage.tags import GRPC_INFO_TAG, PARTITION_NAME_TAG
from dagster._core.test_utils import create_run_for_test
from tests.support.runs.watched import DAY, Watched, said

from tidegate.orchestration.history.recent_runs import runs_under_way
from tidegate.orchestration.instance.run_locks import lock_of_the_dead, run_lock
from tidegate.orchestration.names import BUILD_JOBS, CAUSE_TAG, LOCK_TAG, REASON_TAG, RESTATEMENT
from tidegate.orchestration.partitions import partition_tags
from tidegate.orchestration.sensors.run_keeper import keep_runs
from tidegate.window import Cadence, Window

ONE = Window.of_day(DAY)
# What a run of the command line may be in; only a launched one is queued.
UNFINISHED = [
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def test_a_finished_run_is_entered_with_its_reason_and_cause_once(watched: Watched) -> None:
    tags = {REASON_TAG: RESTATEMENT, CAUSE_TAG: "orders/north 2024-01-05"}
    run = watched.run(BUILD_JOBS[Cadence.daily], ONE, tags=tags)
    idle = keep_runs(watched.home, watched.instance, None)
    assert "No run finished" in said(idle)
    watched.end(run, DagsterRunStatus.FAILURE)
    watched.temporary.home.close()
    entered = keep_runs(watched.home, watched.instance, idle.cursor)
    assert entries(watched) == [(BUILD_JOBS[Cadence.daily], DAY, "failure", RESTATEMENT, "orders/north 2024-01-05")]
    assert "No run finished" in said(keep_runs(watched.home, watched.instance, entered.cursor))


def entries(watched: Watched) -> list[tuple[object, ...]]:
    with watched.home.lake() as lake:
        return lake.con.execute("select job, partition_from, status, reason, cause from ops.pipeline_runs").fetchall()


@pytest.fixture
def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@contextmanager
def process_with_lock(lock: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds a lock until it is killed."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    hold = "with file_lock(Path(sys.argv[1]), 1e12, 0.1): print('held', flush=True); sys.stdin.read()"
    program = f"import sys; from pathlib import Path; from tidegate.machine.locks import file_lock\n{hold}"
    command = [sys.executable, "-c", program, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.mark.parametrize("status", UNFINISHED)
def test_a_run_of_the_command_line_ends_with_its_process_however_far_it_came(
    watched: Watched, status: DagsterRunStatus
) -> None:
    lock = watched.home.settings.scratch / "runs" / f"{status.value}.lock"
    tags = {**partition_tags(ONE), LOCK_TAG: status.value}
    run = create_run_for_test(watched.instance, job_name=BUILD_JOBS[Cadence.daily], tags=tags, status=status)
    with process_with_lock(lock) as process:
        keep_runs(watched.home, watched.instance, None)
        assert [each.run_id for each in runs_under_way(watched.instance)] == [run.run_id]
        process.kill()
        process.wait()
        keep_runs(watched.home, watched.instance, None)
    assert runs_under_way(watched.instance) == []
    was_canceled = status is DagsterRunStatus.CANCELING
    ended = DagsterRunStatus.CANCELED if was_canceled else DagsterRunStatus.FAILURE
    assert status_of(watched, run.run_id) is ended
    assert not lock.exists()


def status_of(watched: Watched, run_id: str) -> DagsterRunStatus:
    run = watched.instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def test_a_run_is_of_the_process_that_executes_it_until_it_ended(watched: Watched) -> None:
    with run_lock(watched.home.settings.scratch) as lock:
        run = watched.run(BUILD_JOBS[Cadence.daily], ONE, tags=lock)
        keep_runs(watched.home, watched.instance, None)
        assert status_of(watched, run.run_id) is DagsterRunStatus.STARTED
        watched.end(run, DagsterRunStatus.SUCCESS)
    with lock_of_the_dead(watched.home.settings.scratch, lock) as is_lost:
        assert not is_lost
    # A run that another machine executes, whose locks are not in this home.
    watched.run(BUILD_JOBS[Cadence.daily], ONE, tags={LOCK_TAG: "0123456789abcdef"})
    keep_runs(watched.home, watched.instance, None)
    assert len(runs_under_way(watched.instance)) == 1


def test_a_launched_run_ends_when_its_process_is_gone_or_its_id_is_another_ones(
    watched: Watched, dead_process: int
) -> None:
    here, elsewhere = ({GRPC_INFO_TAG: json.dumps({"host": host, "port": 4000})} for host in ("localhost", "code"))
    dead = watched.run(BUILD_JOBS[Cadence.daily], ONE, tags=here, pid=dead_process)
    alive = watched.run(BUILD_JOBS[Cadence.daily], ONE, tags=here)
    of_another_machine = watched.run(BUILD_JOBS[Cadence.daily], ONE, tags=elsewhere, pid=dead_process)
    # This process has the id of one that executed a run before the machine was started again.
    reused = watched.run(BUILD_JOBS[Cadence.daily], ONE, tags=here, at=dt.datetime(2024, 1, 1, tzinfo=dt.UTC))
    keep_runs(watched.home, watched.instance, None)
    assert {run.run_id for run in runs_under_way(watched.instance)} == {alive.run_id, of_another_machine.run_id}
    assert {status_of(watched, run.run_id) for run in (dead, reused)} == {DagsterRunStatus.FAILURE}


@pytest.mark.parametrize("typed", ["2024-01-16", "DAY", "9999-12-31"])
def test_a_run_for_what_is_no_partition_is_entered_like_any_other(watched: Watched, typed: str) -> None:
    """Regression: the ledger could not be brought up to date, and so nothing worked, once a Tuesday was run weekly."""
    tags = {PARTITION_NAME_TAG: typed}
    watched.run(BUILD_JOBS[Cadence.weekly], ONE, DagsterRunStatus.FAILURE, tags=tags)
    under_way = watched.run(BUILD_JOBS[Cadence.weekly], ONE, tags=tags)
    watched.temporary.home.close()

    keep_runs(watched.home, watched.instance, None)

    assert entries(watched) == [(BUILD_JOBS[Cadence.weekly], None, "failure", None, None)]
    assert [(run.run_id, run.days.days) for run in runs_under_way(watched.instance)] == [(under_way.run_id, [])]
