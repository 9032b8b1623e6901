"""Which runs the launcher of pods takes for dead, and which it ends, asked of a stand-in of Kubernetes' API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.launcher import WorkerStatus
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.test_utils import create_run_for_test
from tests.support.cluster.machines import are_possible
from tests.support.cluster.pods import Pod, Pods, kubernetes

from tidegate.errors import TidegateError
from tidegate.orchestration.instance.pod_launcher import PodRunLauncher
from tidegate.orchestration.names import DAILY_JOB, DEFINITIONS, IMAGE_TAG

needs_namespaces = pytest.mark.skipif(not are_possible(), reason="no namespaces here: pods cannot be had")


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as opened:
        yield opened


@pytest.fixture
def away() -> Iterator[ExitStack]:
    """Closed, the API is away."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def pods(tmp_path: Path, away: ExitStack) -> Pods:
    home = tmp_path / "home"
    home.mkdir()
    return away.enter_context(kubernetes(Pods(tmp_path / "pods", home, {"PATH": "/usr/bin:/bin"})))


@pytest.fixture
def launcher(instance: DagsterInstance, pods: Pods) -> PodRunLauncher:
    made = PodRunLauncher(
        service_account_name="runs",
        instance_config_map="instance",
        dagster_home=str(pods.home),
        job_image="image",
        load_incluster_config=False,
        kubeconfig_file=str(pods.kubeconfig(pods.folder / "kubeconfig")),
    )
    made.register_instance(instance)
    return made


def launched(instance: DagsterInstance, launcher: PodRunLauncher, pods: Pods) -> tuple[DagsterRun, Pod]:
    """A run with a pod that does nothing."""
    code = RepositoryPythonOrigin("python", ModuleCodePointer(DEFINITIONS, "defs"), entry_point=["dagster"])
    origin = JobPythonOrigin(DAILY_JOB, code)
    made = create_run_for_test(instance, DAILY_JOB, status=DagsterRunStatus.STARTED, job_code_origin=origin)
    launcher._launch_k8s_job_with_args(f"dagster-run-{made.run_id}", ["sleep", "600"], made)
    run = instance.get_run_by_id(made.run_id)
    assert run is not None
    return run, pods.of_run(run.run_id)


@needs_namespaces
def test_a_run_whose_pod_was_killed_is_over_and_one_whose_pod_runs_is_not(
    instance: DagsterInstance, pods: Pods, launcher: PodRunLauncher
) -> None:
    """Regression: the tag of what it launched had another name, so that no dead pod was noticed."""
    run, pod = launched(instance, launcher, pods)
    found = launcher.check_run_worker_health(run)
    assert (found.status, found.msg) == (WorkerStatus.RUNNING, None)
    pod.kill()
    assert launcher.check_run_worker_health(run).status is WorkerStatus.FAILED
    pods.delete(pod.job["metadata"]["name"])
    assert launcher.check_run_worker_health(run).status is WorkerStatus.UNKNOWN


def test_without_the_api_no_run_is_taken_for_dead_or_said_to_be_cancelled(
    instance: DagsterInstance, pods: Pods, launcher: PodRunLauncher, away: ExitStack
) -> None:
    """Regression: dagster-k8s's launcher says that nothing is known, which fails each healthy run."""
    run = create_run_for_test(instance, status=DagsterRunStatus.STARTED, tags={IMAGE_TAG: "image"})
    away.close()

    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
    with pytest.raises(TidegateError, match="It goes on"):
        launcher.terminate(run.run_id)
    now = instance.get_run_by_id(run.run_id)
    assert now is not None
    assert now.status is DagsterRunStatus.STARTED


def test_a_run_that_it_did_not_launch_is_left_alone(instance: DagsterInstance, launcher: PodRunLauncher) -> None:
    run = create_run_for_test(instance, status=DagsterRunStatus.STARTED)

    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
    assert not launcher.terminate(run.run_id)
    assert not launcher.terminate("no run")
