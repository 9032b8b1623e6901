"""A pod for each run: days are delivered, a pod is killed, a run is terminated, and a command follows its run's pod.

Kubernetes' API is a stand-in that starts Jobs as processes; the launcher, the daemon and the pods are the real thing.
"""

from __future__ import annotations

import datetime as dt
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter
from tests.support.cluster.cluster import Cluster, cluster, two_products
from tests.support.cluster.days import PATIENCE, deliver, ended, launch, told_by, wait_until_published
from tests.support.cluster.machines import are_possible
from tests.support.cluster.pods import Pods, kubernetes
from tests.support.waiting import wait_for

from tidegate.orchestration.names import BUILD_JOBS, DAILY_JOB, load_job
from tidegate.window import ONE_DAY, Cadence, Window

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not are_possible(), reason="no namespaces here: pods cannot be had"),
]

YESTERDAY = Window.of_day(dt.datetime.now(dt.UTC).date() - ONE_DAY)
IMAGE = "registry.example.com/tidegate:1"
IMAGE_OF_VISITS = "registry.example.com/visits:7"
MART = "daily_visits"
BUILD_JOB = BUILD_JOBS[Cadence.daily]
NEEDS = {"cpu": 1, "memory": "1536Mi", "image": IMAGE_OF_VISITS}


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    project = one_product(folder / "project")
    settings = {
        "DEPLOYMENT": "kubernetes",
        "START_DATE": str(YESTERDAY.start),
        "DBT_PROJECT": str(project),
        "CONTRACTS": str(project / "contracts"),
        "TICK_SECONDS": "5",
        "POD_IMAGE": IMAGE,
        "POD_NAMESPACE": "data",
        "POD_SERVICE_ACCOUNT": "tidegate-runs",
        "POD_CONFIG_MAP": "tidegate-instance",
        "POD_ENVIRONMENT": "tidegate-environment",
        "POD_SECRET": "tidegate",
    }
    with cluster(folder, (), **settings) as made:
        yield made


def one_product(folder: Path) -> Path:
    """That of visits, whose runs need something: each run is another pod that imports everything."""
    two_products(folder)
    for name in ("contracts/weather.odcs.yaml", "models/daily_weather.sql", "models/weekly_visits.sql"):
        (folder / name).unlink()
    models = folder / "models" / "models.yml"
    written = yaml.safe_load(models.read_text())
    for several in (written["groups"], written["sources"][0]["tables"], written["models"]):
        del several[1:]
    written["groups"][0]["config"] = {"meta": {"tidegate": NEEDS}}
    models.write_text(yaml.safe_dump(written, sort_keys=False))
    return folder


@pytest.fixture(scope="module")
def pods(machines: Cluster) -> Iterator[Pods]:
    """The API, and a head that launches by it, from outside as somebody's kubeconfig lets them."""
    machines.init("head")
    home = machines.folder / "head"
    written = home / "dagster" / "dagster.yaml"
    in_the_image = machines.folder / "image"
    shutil.copytree(home / "scratch" / "dbt", in_the_image / "scratch" / "dbt")
    environment = machines.environment_of("head")
    secrets = {name: value for name, value in environment.items() if name.startswith(("AWS_", "PG"))}
    of_image = {name: environment[name] for name in ("PATH", "TIDEGATE_HOME", "LANG", "HOME") if name in environment}
    of_map = {name: value for name, value in environment.items() if name.startswith("TIDEGATE_")}
    objects = {
        "tidegate-environment": of_map,
        "tidegate": secrets,
    }
    with kubernetes(Pods(machines.folder / "pods", home, of_image, in_the_image, objects)) as api:
        config = yaml.safe_load(written.read_text())
        config["run_launcher"]["config"] |= {
            "load_incluster_config": False,
            "kubeconfig_file": str(api.kubeconfig(home / "kubeconfig")),
        }
        written.write_text(yaml.safe_dump(config))
        machines.boot_head(ui=False)
        try:
            yield api
        except BaseException:
            print(api.tail())
            raise


@pytest.fixture
def instance(pods: Pods, machines: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    for name, value in machines.environment_of("head").items():
        monkeypatch.setenv(name, value)
    with machines.instance("head") as opened:
        yield opened


def started(instance: DagsterInstance, job: str) -> DagsterRun:
    """A run of a job that a pod executes, once there is one."""

    def look() -> DagsterRun | None:
        runs = instance.get_runs(RunsFilter(job_name=job, statuses=[DagsterRunStatus.STARTED]))
        return runs[0] if runs else None

    return wait_for(f"A run of {job} in a pod", look, PATIENCE)


def test_a_day_is_published_though_the_pod_that_builds_it_was_killed(
    machines: Cluster, pods: Pods, instance: DagsterInstance, record: Callable[[str, float], None]
) -> None:
    deliver(machines.bucket, YESTERDAY)
    run = started(instance, BUILD_JOB)
    pods.of_run(run.run_id).kill()
    killed = time.monotonic()
    assert ended(instance, run.run_id) is DagsterRunStatus.FAILURE
    record("noticed that a pod was killed", time.monotonic() - killed)
    assert any("no active pods" in told for told in told_by(instance, run.run_id))

    home = machines.home("head")
    wait_until_published(home, YESTERDAY, [MART])
    record("the day is published since", time.monotonic() - killed)
    home.close()
    assert needed(pods.of_run(run.run_id).container) == {
        "image": IMAGE_OF_VISITS,
        "resources": {"requests": {"cpu": "1", "memory": "1536Mi"}, "limits": {"memory": "1536Mi"}},
        "env": {"TIDEGATE_MEMORY_LIMIT": "921MiB", "TIDEGATE_THREADS": "1"},
    }
    loads = [pod for pod in pods.made if pod.job_name == load_job("visits")]
    assert [needed(pod.container) for pod in loads] == [{"image": IMAGE, "resources": {}, "env": {}}]


def test_a_command_queues_its_run_and_follows_the_pod(machines: Cluster, pods: Pods, instance: DagsterInstance) -> None:
    done = machines.tidegate("head", "run", "--partition", str(YESTERDAY.start))

    assert "1 day published" in done.stdout
    [run] = instance.get_runs(RunsFilter(job_name=DAILY_JOB))
    assert run.status is DagsterRunStatus.SUCCESS
    assert pods.of_run(run.run_id).process.wait() == 0


def test_a_run_that_is_terminated_ends_as_cancelled(
    pods: Pods, instance: DagsterInstance, record: Callable[[str, float], None]
) -> None:
    run_id = launch(instance, YESTERDAY)
    assert started(instance, DAILY_JOB).run_id == run_id
    asked = time.monotonic()
    assert instance.run_coordinator.cancel_run(run_id)

    assert ended(instance, run_id) is DagsterRunStatus.CANCELED
    record("ended since it was asked to", time.monotonic() - asked)
    assert pods.of_run(run_id).job["metadata"]["name"] not in pods.running


def needed(container: dict[str, Any]) -> dict[str, Any]:
    """What a pod was given that somebody said a need of."""
    given = {each["name"]: each["value"] for each in container["env"]}
    return {
        "image": container["image"],
        "resources": container.get("resources") or {},
        "env": {name: given[name] for name in ("TIDEGATE_MEMORY_LIMIT", "TIDEGATE_THREADS") if name in given},
    }
