"""Launches each run as a pod of Kubernetes, and leaves alone the runs that it did not launch.

dagster-k8s's own launcher does the work. Of a run without a pod of its own, such as one of `dagster job execute`, it
says that nothing is known, which the daemon takes for dead; and so it does of every run while Kubernetes' API cannot be
reached, though pods go on without it.
"""

from __future__ import annotations

from dagster import DagsterRun
from dagster_k8s import K8sRunLauncher
from dagster_k8s.job import get_job_name_from_run_id

from tidegate.errors import TidegateError
from tidegate.orchestration.instance.private import CheckRunHealthResult, WorkerStatus
from tidegate.orchestration.names import IMAGE_TAG

# How it says that the API answered, and has no such Job: it was deleted, and its pod with it.
JOB_IS_GONE = "could not be found"


class PodRunLauncher(K8sRunLauncher):
    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        if IMAGE_TAG not in run.tags:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        found: CheckRunHealthResult = super().check_run_worker_health(run)
        if found.status is WorkerStatus.UNKNOWN and JOB_IS_GONE not in (found.msg or ""):
            return CheckRunHealthResult(WorkerStatus.RUNNING, found.msg)
        return found

    def terminate(self, run_id: str) -> bool:
        """Delete a run's Job. False: it ended already, or has none, and goes on where it was started."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished or IMAGE_TAG not in run.tags:
            return False
        # Before the run is reported as being cancelled: its pod would go on and not know.
        namespace = self.get_container_context_for_run(run).namespace
        try:
            self._api_client.get_job_status(get_job_name_from_run_id(run_id), namespace)  # type: ignore[no-untyped-call]
        except Exception as error:
            raise TidegateError(
                f"Kubernetes' API cannot be asked to end the run {run_id}: {error}. It goes on. "
                "Terminate it again later."
            ) from error
        return bool(super().terminate(run_id))  # type: ignore[no-untyped-call]
