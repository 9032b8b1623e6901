"""Three worker machines beside a head: days are delivered while machines and services fail, and end as on one.

All tests share the machines; each leaves the services as it found them.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter
from tests.support.cluster.cluster import Cluster, cluster, small_disks, two_products
from tests.support.cluster.days import (
    PATIENCE,
    deliver,
    deliver_to,
    ended,
    launch,
    status_of,
    told_by,
    wait_until_published,
)
from tests.support.cluster.machines import are_possible
from tests.support.cluster.network import SERVICES, is_possible
from tests.support.lake.copied import put_lake
from tests.support.runs.home import Contents, TemporaryHome, settings_of
from tests.support.waiting import wait_for

from tidegate.lake.config import LakeConfig
from tidegate.orchestration.instance.workers.broker import QUEUE
from tidegate.orchestration.names import DAILY_JOB, FINISHED, LOCK_TAG, WORKER_TAG
from tidegate.orchestration.partitions import partition_tags
from tidegate.window import ONE_DAY, Window

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(not are_possible(), reason="no namespaces here: machines cannot be had"),
]

TODAY = dt.datetime.now(dt.UTC).date()
DAYS = Window(TODAY - ONE_DAY * 3, TODAY)
FIRST_DAY = Window.of_day(DAYS.start)
WORKERS = ("m1", "m2", "m3")

# How long the faults last that are only tried where somebody asks for it: each takes a minute or two.
needs_time = pytest.mark.skipif(
    os.environ.get("TIDEGATE_TEST_LONG_FAULTS") != "yes", reason="takes minutes: set TIDEGATE_TEST_LONG_FAULTS=yes"
)
needs_networks = pytest.mark.skipif(not is_possible(), reason="this process may make no networks and no disks")
LONG_SECONDS = 90.0

# Of Debian's package libfaketime.
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    project = two_products(folder / "project")
    settings = {
        "START_DATE": str(DAYS.start),
        "DBT_PROJECT": str(project),
        "CONTRACTS": str(project / "contracts"),
        "WORKERS": str(len(WORKERS)),
        # A look costs CPU on two cores that all machines share.
        "TICK_SECONDS": "10",
    }
    with small_disks(folder, WORKERS if is_possible() else ()), cluster(folder, WORKERS, **settings) as made:
        made.init("head", *WORKERS, "spare")
        for name in WORKERS:
            made.boot_worker(name)
        made.boot_head()
        for name in WORKERS:
            made.wait_for_worker(name)
        yield made


@pytest.fixture(autouse=True)
def environment_of_the_machines(machines: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process looks at what they share as one of them would."""
    for name, value in machines.environment_of("head").items():
        if name not in os.environ:
            monkeypatch.setenv(name, value)


@pytest.fixture
def instance(machines: Cluster) -> Iterator[DagsterInstance]:
    with machines.instance("head") as opened:
        yield opened


def of_one_machine(folder: Path, project: Path) -> Contents:
    """What comes of the same days, delivered to a home of one machine and run there."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("TIDEGATE_", "DAGSTER_"))]:
            patch.delenv(name)
        home = TemporaryHome(
            settings_of(folder, contracts=project / "contracts", dbt_project=project, start_date=DAYS.start)
        )
        deliver_to(Path(home.settings.landing), DAYS)
        home.settings.scratch.mkdir(parents=True)
        put_lake(LakeConfig.of(home.settings))
        assert all(outcome.succeeded for outcome in home.backfill(DAYS))
        contents = home.contents()
        home.close()
        return contents


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


def test_days_end_as_on_one_machine_though_one_of_three_loses_power(
    machines: Cluster, instance: DagsterInstance, tmp_path: Path, record: Callable[[str, float], None]
) -> None:
    deliver(machines.bucket, DAYS)
    run = wait_for("A run on a worker", lambda: running(instance), PATIENCE)
    lost = run.tags[WORKER_TAG]
    machines.power_off(lost)
    off = time.monotonic()
    assert ended(instance, run.run_id) is DagsterRunStatus.FAILURE
    record("noticed that a machine is off", time.monotonic() - off)
    home = machines.home("head")
    wait_until_published(home, DAYS)
    record("all is published since", time.monotonic() - off)
    expected = of_one_machine(tmp_path / "alone", machines.folder / "project")
    wait_for("The same content", lambda: home.contents() == expected or None, PATIENCE)
    home.close()

    done = machines.tidegate("head", "run", "--partition", str(DAYS.start))
    assert "1 day published" in done.stdout
    assert home.contents() == expected
    # The daemon may have queued another one meanwhile, which no worker has.
    tags = partition_tags(Window.of_day(DAYS.start))
    newest = instance.get_runs(RunsFilter(job_name=DAILY_JOB, statuses=[DagsterRunStatus.SUCCESS], tags=tags), limit=1)[
        0
    ]
    assert newest.tags[WORKER_TAG] != lost
    assert LOCK_TAG not in newest.tags
    home.close()
    machines.boot_worker(lost)


def test_a_run_that_is_terminated_ends_as_cancelled(
    instance: DagsterInstance, record: Callable[[str, float], None]
) -> None:
    run_id = launch(instance, FIRST_DAY)
    begun(instance, run_id)
    asked = time.monotonic()
    assert instance.run_coordinator.cancel_run(run_id)

    assert ended(instance, run_id) is DagsterRunStatus.CANCELED
    record("ended since it was asked to", time.monotonic() - asked)


def test_a_broker_that_comes_back_with_nothing_fails_no_run(
    machines: Cluster, instance: DagsterInstance, record: Callable[[str, float], None]
) -> None:
    """Regression: dagster-celery's launcher failed a healthy run 9 s after Redis had restarted without its file."""
    run_id = launch(instance, FIRST_DAY)
    begun(instance, run_id)
    machines.redis.kill()
    machines.redis.forget()
    machines.redis.start()
    back = time.monotonic()

    assert ended(instance, run_id) is DagsterRunStatus.SUCCESS
    # Workers take runs again, though the queue is a new one.
    again = launch(instance, FIRST_DAY)
    begun(instance, again)
    record("a worker takes runs since the broker is back", time.monotonic() - back)
    assert ended(instance, again) is DagsterRunStatus.SUCCESS


@needs_time
def test_a_run_that_waits_for_a_worker_outlives_a_broker_that_keeps_its_file(
    machines: Cluster, instance: DagsterInstance, record: Callable[[str, float], None]
) -> None:
    home = machines.home("head")
    deliver(machines.bucket, DAYS)
    wait_until_published(home, DAYS)
    home.close()
    machines.only()
    waiting = launch(instance, FIRST_DAY)
    wait_for(
        "A run that waits",
        lambda: status_of(instance, waiting) == "STARTING" and machines.redis.waiting(QUEUE) > 0,
        PATIENCE,
    )
    machines.redis.kill()
    machines.redis.start()
    back = time.monotonic()
    machines.only(*WORKERS)
    wait_for("A worker that takes it", lambda: WORKER_TAG in tags_of(instance, waiting), PATIENCE)
    record("a run that waited begins since the broker is back with its file", time.monotonic() - back)
    assert ended(instance, waiting) is DagsterRunStatus.SUCCESS


def test_a_run_outlives_a_crash_of_the_database(
    machines: Cluster, instance: DagsterInstance, record: Callable[[str, float], None]
) -> None:
    run_id = launch(instance, FIRST_DAY)
    begun(instance, run_id)
    machines.postgres.crash()
    back = time.monotonic()
    status = ended(instance, run_id)
    record(f"ended ({status.value}) since the database is back", time.monotonic() - back)
    if status is not DagsterRunStatus.SUCCESS:
        # It depends on what it was doing. Nothing of it is half there, and it can be run again.
        again = launch(instance, FIRST_DAY)
        assert ended(instance, again) is DagsterRunStatus.SUCCESS, told_by(instance, again)


@pytest.mark.parametrize("seconds", [10.0, pytest.param(600.0, marks=needs_time)])
def test_s3_that_goes_away_and_comes_back_leaves_nothing_half(
    seconds: float, machines: Cluster, instance: DagsterInstance, record: Callable[[str, float], None]
) -> None:
    with fault(machines, instance, record, f"S3 is away for {seconds:g} s") as (_, over):
        machines.storage.stop()
        over(lambda: machines.storage.start(), seconds, whole=True)


@needs_time
@pytest.mark.skipif(not FAKETIME.exists(), reason="needs Debian's package libfaketime")
@pytest.mark.parametrize("seconds", ["+3600", "-3600"])
def test_a_worker_whose_clock_is_an_hour_wrong_changes_nothing(
    seconds: str, machines: Cluster, instance: DagsterInstance, record: Callable[[str, float], None]
) -> None:
    """S3 refuses what it signs. Regression: its runs said that the lake's files were those of another lake."""
    with restated(machines, LD_PRELOAD=str(FAKETIME), FAKETIME=seconds):
        asked = time.monotonic()
        run_id = launch(instance, FIRST_DAY)
        assert ended(instance, run_id) is DagsterRunStatus.FAILURE
        record(f"failed with a clock that is {seconds} s wrong", time.monotonic() - asked)
        told = told_by(instance, run_id)
        assert any("the clock of this machine" in each for each in told), told


@needs_networks
@needs_time
def test_a_worker_whose_disk_is_full_leaves_nothing_half(
    machines: Cluster, instance: DagsterInstance, record: Callable[[str, float], None]
) -> None:
    with fault(machines, instance, record, "a worker's disk is full") as (worker, over):
        taken = machines.fill_disk(worker)
        over(taken.unlink, 10.0)


@needs_networks
@needs_time
@pytest.mark.parametrize("service", SERVICES)
def test_a_worker_that_is_cut_off_leaves_nothing_half(
    service: str, machines: Cluster, instance: DagsterInstance, record: Callable[[str, float], None]
) -> None:
    with fault(machines, instance, record, f"a worker is cut off from {service}") as (worker, over):
        machines.network.cut(worker, service)
        over(lambda: machines.network.join_again(worker, service), LONG_SECONDS)


@needs_time
def test_two_daemons_have_a_run_executed_once(
    machines: Cluster, instance: DagsterInstance, record: Callable[[str, float], None]
) -> None:
    machines.boot_daemon("spare")
    spare = machines.machines["spare"]
    wait_for("The second daemon", lambda: "still sending heartbeats" in spare.printed() or None, PATIENCE)
    asked = time.monotonic()
    run_id = launch(instance, FIRST_DAY)
    assert ended(instance, run_id) is DagsterRunStatus.SUCCESS
    record("a run beside two daemons", time.monotonic() - asked)
    machines.power_off("spare")

    kinds = [entry.dagster_event_type for entry in instance.all_logs(run_id) if entry.is_dagster_event]
    assert kinds.count(DagsterEventType.RUN_START) == kinds.count(DagsterEventType.RUN_SUCCESS) == 1


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
