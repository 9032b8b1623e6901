"""Three worker machines beside a head: days are delivered while machines and services fail, and end as on one.

All tests share the machines; each leaves the services as it found them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dagster import DagsterEventType, DagsterInstance, DagsterRunStatus, RunsFilter
from tests.support.cluster.cluster import DISK_MIB, Cluster, cluster, small_disks, two_products
from tests.support.cluster.days import (
    PATIENCE,
    deliver,
    deliver_to,
    ended,
    launch,
    many_visits,
    open_incident,
    status_of,
    told_by,
    wait_until_published,
)
from tests.support.cluster.faults import DAYS, FIRST_DAY, WORKERS, begun, fault, restated, running, tags_of
from tests.support.cluster.machines import are_possible
from tests.support.cluster.network import SERVICES, is_possible
from tests.support.lake.copied import put_lake
from tests.support.runs.home import Contents, TemporaryHome, settings_of
from tests.support.waiting import wait_for

from tidegate.lake.config import LakeConfig
from tidegate.orchestration.instance.workers.broker import QUEUE
from tidegate.orchestration.names import DAILY_JOB, LOCK_TAG, WORKER_TAG
from tidegate.orchestration.partitions import partition_tags
from tidegate.window import Window

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(not are_possible(), reason="no namespaces here: machines cannot be had"),
]


# How long the faults last that are only tried where somebody asks for it: each takes a minute or two.
needs_time = pytest.mark.skipif(
    os.environ.get("TIDEGATE_TEST_LONG_FAULTS") != "yes", reason="takes minutes: set TIDEGATE_TEST_LONG_FAULTS=yes"
)
needs_networks = pytest.mark.skipif(not is_possible(), reason="this process may make no networks and no disks")
LONG_SECONDS = 90.0

# More than fits into 250 MB and onto a worker's disk, and few enough to be copied there.
MANY = 4_000_000
LOADED = f"select true from raw.visits where _delivered_on = '{DAYS.start}' having count(*) > {MANY}"

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
        "BREAKER_PAUSE_SECONDS": "60",
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
def test_a_worker_that_spills_more_than_its_disk_holds_changes_nothing_and_heals_alone_once_there_is_room(
    machines: Cluster, instance: DagsterInstance, record: Callable[[str, float], None]
) -> None:
    """Regression: the error said "Out of Memory" and ended before the disk was named; the incident gave no reason."""
    odd, large = WORKERS[0], f"landing/visits/{DAYS.start}/more.csv.gz"
    with restated(machines, TIDEGATE_MEMORY_LIMIT="250MB") as home:
        before = home.contents()
        machines.bucket.put(large, many_visits(MANY))
        asked = time.monotonic()
        source = wait_for("An incident", lambda: open_incident(home, "source/visits"), PATIENCE)
        record("an incident of a disk that is full of what was spilled", time.monotonic() - asked)
        assert f"{odd} is full, where DuckDB puts what does not fit into memory" in source, source
        assert home.contents() == before

        machines.resize_disk(odd, 2048)
        room = time.monotonic()
        wait_for("The day with all rows", lambda: home.query(LOADED), 2 * PATIENCE)
        record("loaded since there is room", time.monotonic() - room)
        wait_for("The end of the incident", lambda: not open_incident(home, "source/visits"), PATIENCE)
        record("the incident is over since there is room", time.monotonic() - room)
        machines.bucket.delete(large)
    machines.resize_disk(odd, DISK_MIB)


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
