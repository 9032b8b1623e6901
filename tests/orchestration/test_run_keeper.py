"""Finished runs are in the ledger with why they ran; runs whose process died end, and no others."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest
from dagster import DagsterRunStatus
from dagster._core.storage.tags import GRPC_INFO_TAG, PARTITION_NAME_TAG
from tests.orchestration.watched import DAY, Watched, said

from tidegate.orchestration.names import BUILD_JOB, CAUSE_TAG, HOST_TAG, REASON_TAG, RESTATEMENT, WEEKLY_JOB
from tidegate.orchestration.recent_runs import runs_under_way
from tidegate.orchestration.run_keeper import keep_runs, lost_runs
from tidegate.window import Window

ONE = Window.of_day(DAY)


def test_a_finished_run_is_entered_with_its_reason_and_cause_once(watched: Watched) -> None:
    tags = {REASON_TAG: RESTATEMENT, CAUSE_TAG: "orders/north 2024-01-05"}
    run = watched.run(BUILD_JOB, ONE, tags=tags)
    idle = keep_runs(watched.home, watched.instance, None)
    assert "No run finished" in said(idle)
    watched.end(run, DagsterRunStatus.FAILURE)
    watched.temporary.home.close()
    entered = keep_runs(watched.home, watched.instance, idle.cursor)
    assert entries(watched) == [(BUILD_JOB, DAY, "failure", RESTATEMENT, "orders/north 2024-01-05")]
    assert "No run finished" in said(keep_runs(watched.home, watched.instance, entered.cursor))


def entries(watched: Watched) -> list[tuple[object, ...]]:
    with watched.home.lake() as lake:
        return lake.con.execute("select job, partition_from, status, reason, cause from ops.pipeline_runs").fetchall()


@pytest.fixture
def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_run_whose_process_is_gone_ends_as_failed(watched: Watched, dead_process: int) -> None:
    run = watched.run(BUILD_JOB, ONE, tags={HOST_TAG: socket.gethostname()}, pid=dead_process)
    keep_runs(watched.home, watched.instance, None)
    ended = watched.instance.get_run_by_id(run.run_id)
    assert ended is not None
    assert ended.status is DagsterRunStatus.FAILURE


def test_a_run_that_lives_or_is_of_another_machine_goes_on(watched: Watched, dead_process: int) -> None:
    watched.run(BUILD_JOB, ONE, tags={HOST_TAG: socket.gethostname()})
    watched.run(BUILD_JOB, ONE, tags={HOST_TAG: "another"}, pid=dead_process)
    watched.run(BUILD_JOB, ONE, tags={GRPC_INFO_TAG: '{"host": "code", "port": 4000}'}, pid=dead_process)
    here = watched.run(BUILD_JOB, ONE, tags={GRPC_INFO_TAG: '{"host": "localhost", "socket": "x"}'}, pid=dead_process)
    assert [run.run_id for run in lost_runs(watched.instance)] == [here.run_id]


@pytest.mark.parametrize("typed", ["2024-01-16", "DAY", "9999-12-31"])
def test_a_run_for_what_is_no_partition_is_entered_like_any_other(watched: Watched, typed: str) -> None:
    """Regression: the ledger could not be brought up to date, and so nothing worked, once a Tuesday was run weekly."""
    tags = {PARTITION_NAME_TAG: typed}
    watched.run(WEEKLY_JOB, ONE, DagsterRunStatus.FAILURE, tags=tags)
    under_way = watched.run(WEEKLY_JOB, ONE, tags=tags)
    watched.temporary.home.close()

    keep_runs(watched.home, watched.instance, None)

    assert entries(watched) == [(WEEKLY_JOB, None, "failure", None, None)]
    assert [(run.run_id, run.days.days) for run in runs_under_way(watched.instance)] == [(under_way.run_id, [])]
