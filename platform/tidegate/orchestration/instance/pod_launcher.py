"""Launches each run as a pod of Kubernetes, and leaves alone the runs that it did not launch.

dagster-k8s's own launcher does the work. Of a run without a pod of its own, such as one of `dagster job execute`, it
says that nothing is known, which the daemon takes for dead.
"""

from __future__ import annotations

from dagster import DagsterRun
from dagster_k8s import K8sRunLauncher

from tidegate.orchestration.instance.private import CheckRunHealthResult, WorkerStatus

# What the launcher gives every run that it starts.
IMAGE_TAG = "docker/image"


class PodRunLauncher(K8sRunLauncher):
    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        if IMAGE_TAG not in run.tags:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return super().check_run_worker_health(run)  # type: ignore[no-any-return]
