"""A run in the middle of which something fails, and a worker of its own kind; afterwards all is published as it was."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter
from tests.support.cluster.cluster import Cluster
from tests.support.cluster.days import PATIENCE, deliver, ended, launch, status_of, wait_until_published
from tests.support.runs.home import TemporaryHome
from tests.support.waiting import wait_for

from tidegate.orchestration.names import FINISHED, WORKER_TAG
from tidegate.window import ONE_DAY, Window

TODAY = dt.datetime.now(dt.UTC).date()
DAYS = Window(TODAY - ONE_DAY * 3, TODAY)
FIRST_DAY = Window.of_day(DAYS.start)
WORKERS = ("m1", "m2", "m3")


def running(instance: DagsterInstance) -> DagsterRun | None:
    """A run that a worker has begun."""
    runs = instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.STARTED]))
    return next((run for run in runs if WORKER_TAG in run.tags), None)


def begun(instance: DagsterInstance, run_id: str) -> DagsterRun:
    """A run once a worker has begun it."""

    def look() -> DagsterRun | None:
        run = instance.get_run_by_id(run_id)
        assert run is not None
        assert run.status.value not in FINISHED, run.status
        return run if run.status is DagsterRunStatus.STARTED and WORKER_TAG in run.tags else None

    return wait_for("The start of a run", look, PATIENCE)


def tags_of(instance: DagsterInstance, run_id: str) -> Mapping[str, str]:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.tags


@contextmanager
def restated(machines: Cluster, **environment: str) -> Iterator[TemporaryHome]:
    """Let one worker with variables of its own take all runs. Afterwards days that are delivered as they were are
    published as they were, by the others."""
    home = machines.home("head")
    if not machines.bucket.keys("landing/"):
        deliver(machines.bucket, DAYS)
    wait_until_published(home, DAYS)
    expected = home.contents()
    odd, *others = WORKERS
    machines.power_off(odd)
    machines.boot_worker(odd, **environment)
    machines.only(odd)
    yield home
    machines.only(*others)
    deliver(machines.bucket, DAYS)
    wait_for("The same content", lambda: home.contents() == expected or None, PATIENCE)
    machines.power_off(odd)
    machines.boot_worker(odd)
    machines.only(*WORKERS)
    home.close()


@contextmanager
def fault(
    machines: Cluster, instance: DagsterInstance, record: Callable[[str, float], None], what: str
) -> Iterator[tuple[str, Callable[..., None]]]:
    """A run in the middle of which something fails, and is over after so many seconds, or, unless all of them are asked
    for, once the run ended. Whatever became of it, what is published is what it was, and a run succeeds afterwards."""
    home = machines.home("head")
    if not machines.bucket.keys("landing/"):
        deliver(machines.bucket, DAYS)
    wait_until_published(home, DAYS)
    expected = home.contents()
    # Of all days, so that it lasts until something fails.
    run_id = launch(instance, DAYS)
    worker = begun(instance, run_id).tags[WORKER_TAG]
    began = time.monotonic()

    def over(heal: Callable[[], object], seconds: float, whole: bool = False) -> None:
        while time.monotonic() < began + seconds and (whole or status_of(instance, run_id) not in FINISHED):
            time.sleep(0.5)
        record(f"{what}: {status_of(instance, run_id)} after", time.monotonic() - began)
        heal()

    yield worker, over
    healed = time.monotonic()
    status = ended(instance, run_id)
    record(f"{what}: {status.value} since it is over", time.monotonic() - healed)
    again = launch(instance, FIRST_DAY)
    while ended(instance, again) is not DagsterRunStatus.SUCCESS:
        assert time.monotonic() < healed + PATIENCE, "no run succeeds though the fault is over"
        again = launch(instance, FIRST_DAY)
    record(f"{what}: a run succeeds since it is over", time.monotonic() - healed)
    assert home.contents() == expected
    home.close()
