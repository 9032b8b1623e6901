"""Which runs the launcher takes for dead. No worker answers here: the broker is Celery's own, in memory, or away."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.launcher import WorkerStatus
from dagster._core.test_utils import create_run_for_test
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from tidegate.orchestration.instance.workers import launcher as module
from tidegate.orchestration.instance.workers.launcher import MISSES, MISSING_SECONDS, Missing, WatchfulCeleryRunLauncher

NOBODY = "redis://127.0.0.1:1/0"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as opened:
        yield opened


def launcher_on(instance: DagsterInstance, broker: str) -> WatchfulCeleryRunLauncher:
    launcher = WatchfulCeleryRunLauncher(
        broker, "cache+memory://" if broker.startswith("memory") else broker, "dagster"
    )
    launcher.register_instance(instance)
    return launcher


def test_a_run_is_missing_after_some_looks_and_some_time_and_found_again_it_is_not() -> None:
    clock = Clock()
    missing = Missing(clock)
    looks = []
    for _ in range(MISSES):
        looks.append(missing.for_too_long("run", is_known=False))
        clock.now += 1
    clock.now = MISSING_SECONDS
    assert looks == [False] * MISSES
    assert missing.for_too_long("run", is_known=False)
    assert not missing.for_too_long("run", is_known=True)
    assert not missing.for_too_long("run", is_known=False)
    assert not missing.for_too_long("another", is_known=False)


def test_a_run_that_it_did_not_launch_is_left_alone(instance: DagsterInstance) -> None:
    """Regression: dagster-celery's launcher raised a KeyError for one of the command line at every look."""
    run = create_run_for_test(instance, status=DagsterRunStatus.STARTED)
    launcher = launcher_on(instance, NOBODY)

    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
    assert not launcher.terminate(run.run_id)
    assert not launcher.terminate("no run")


def test_a_run_that_no_worker_knows_is_over_in_the_end(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.01)
    monkeypatch.setattr(module, "MISSING_SECONDS", 0.0)
    launcher = launcher_on(instance, "memory://")
    run = create_run_for_test(instance, status=DagsterRunStatus.STARTED, tags={DAGSTER_CELERY_TASK_ID_TAG: "t"})
    seen = [launcher.check_run_worker_health(run) for _ in range(MISSES)]

    assert [each.status for each in seen] == [WorkerStatus.RUNNING] * (MISSES - 1) + [WorkerStatus.FAILED]
    assert "its machine is off" in str(seen[-1].msg)


def test_without_the_broker_no_run_is_taken_for_dead(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MISSING_SECONDS", 0.0)
    launcher = launcher_on(instance, NOBODY)
    run = create_run_for_test(instance, status=DagsterRunStatus.STARTED, tags={DAGSTER_CELERY_TASK_ID_TAG: "t"})

    assert {launcher.check_run_worker_health(run).status for _ in range(MISSES + 1)} == {WorkerStatus.RUNNING}
