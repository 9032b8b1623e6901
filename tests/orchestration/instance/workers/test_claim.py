"""A run that is sent to two workers is executed by one of them, whatever the broker did."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.instance.ref import InstanceRef
from dagster._core.test_utils import create_run_for_test
from tests.support.postgres_record import record_in, url_of

from tidegate.orchestration.instance.workers import app
from tidegate.orchestration.instance.workers.claim import take

WORKERS = 2
RUNS = 10
PATIENCE = 120


def work(record: InstanceRef, run_ids: Sequence[str], at_once: Barrier, executed: SimpleQueue[str]) -> None:
    """What a worker does with each run, in the same instant as the other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DagsterInstance, "get", lambda: DagsterInstance.from_ref(record))
        patch.setattr(app, "execute_run", lambda _instance, run_id: executed.put(run_id))
        patch.setattr(app, "load_settings", lambda: None)
        patch.setattr(app, "version_of", lambda _settings: "v")
        patch.setattr(app, "version_at_start", lambda: "v")
        for run_id in run_ids:
            at_once.wait(PATIENCE)
            app.execute(run_id, "v")


@pytest.mark.slow
def test_a_run_that_two_processes_take_in_the_same_instant_is_executed_once(database: str, tmp_path: Path) -> None:
    """Regression: each found it not begun, and both executed it."""
    record = record_in(url_of(database), tmp_path)
    with DagsterInstance.from_ref(record) as instance:
        run_ids = [create_run_for_test(instance, status=DagsterRunStatus.STARTING).run_id for _ in range(RUNS)]
        instance.dispose()
    forking = multiprocessing.get_context("fork")
    at_once, executed = forking.Barrier(WORKERS), forking.SimpleQueue()
    workers = [forking.Process(target=work, args=(record, run_ids, at_once, executed)) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(PATIENCE)

    assert [worker.exitcode for worker in workers] == [0] * WORKERS
    found = []
    while not executed.empty():
        found.append(executed.get())
    assert sorted(found) == sorted(run_ids)


@pytest.mark.parametrize("status", [DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING])
def test_only_a_run_that_waits_for_a_worker_is_taken(status: DagsterRunStatus) -> None:
    with DagsterInstance.ephemeral() as instance:
        run = create_run_for_test(instance, status=status)
        assert not take(instance, run.run_id)
        assert not take(instance, "no such run")


def test_a_run_that_was_taken_is_nobody_elses_though_it_did_not_begin() -> None:
    with DagsterInstance.ephemeral() as instance:
        run = create_run_for_test(instance, status=DagsterRunStatus.STARTING)
        assert [take(instance, run.run_id) for _ in range(2)] == [True, False]
