"""Hands the daemon's runs to worker machines through Celery, and notices when one of them is gone.

dagster-celery's own launcher was tried (2026-10): it never notices a machine that lost power, since the task's state in
the broker stays as it was; it fails every healthy run when the broker restarts without its file; a run that a person
terminates ends as failed; and one that it did not launch is an error at each look. Each of these is fixed here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from celery import Celery
from dagster import DagsterRun
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_QUEUE_TAG, DAGSTER_CELERY_RUN_PRIORITY_TAG, DAGSTER_CELERY_TASK_ID_TAG

from tidegate.errors import TidegateError
from tidegate.orchestration.instance.code_version import version_in_code_server
from tidegate.orchestration.instance.private import (
    CheckRunHealthResult,
    ConfigurableClassData,
    LaunchRunContext,
    WorkerStatus,
)
from tidegate.orchestration.instance.workers.broker import BROKER_TROUBLE, EXECUTE_RUN, RETRY_LAUNCH, SETTINGS
from tidegate.orchestration.names import WORKER_TAG

# Workers answer within milliseconds, one that swaps within seconds.
ANSWER_SECONDS = 3.0

# A run that no worker knows at so many looks in a row is over. Together with the time: a worker that lost its broker
# connects again within half a minute of its return.
MISSES = 3
MISSING_SECONDS = 45.0


class WatchfulCeleryRunLauncher(CeleryRunLauncher):
    """Launches runs as tasks named as the runs are."""

    def __init__(
        self,
        broker: str,
        backend: str,
        default_queue: str,
        include: list[str] | None = None,
        config_source: dict[str, Any] | None = None,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        settings = {**SETTINGS, **(config_source or {})}
        super().__init__(default_queue, broker, backend, include, settings, inst_data)
        self._missing = Missing()

    def launch_run(self, context: LaunchRunContext) -> None:
        """Queue the run. Raises TidegateError where the broker does not take it, which ends the run as failed."""
        run = context.dagster_run
        queue = run.tags.get(DAGSTER_CELERY_QUEUE_TAG, self.default_queue)
        # Before a worker can have it: whoever finds the run begun knows whose it is.
        self._instance.add_run_tags(run.run_id, {DAGSTER_CELERY_TASK_ID_TAG: run.run_id})
        try:
            self.celery.send_task(
                EXECUTE_RUN,
                args=[run.run_id, version_in_code_server(context)],
                task_id=run.run_id,
                queue=queue,
                priority=_priority(run),
                retry=True,
                retry_policy=RETRY_LAUNCH,
            )
        except BROKER_TROUBLE as error:
            raise TidegateError(
                f"The broker of the workers (REDIS_URL) cannot be reached: {error}. The run was not started, and "
                "nothing was changed. Its sensor asks again; see that Redis runs."
            ) from error
        self._instance.report_engine_event(f"Waits for a worker of the queue {queue}.", run)

    def terminate(self, run_id: str) -> bool:
        """Ask the worker that has a run to end it. False: it ended already, or is not a worker's."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished or DAGSTER_CELERY_TASK_ID_TAG not in run.tags:
            return False
        with self.celery.connection_for_write() as connection:
            # Before the run is reported as being cancelled: its worker would go on and not know.
            connection.ensure_connection(max_retries=3)
            self._instance.report_run_canceling(run)
            self.celery.control.revoke(run_id, terminate=True, signal="SIGINT", connection=connection)
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        task_id = run.tags.get(DAGSTER_CELERY_TASK_ID_TAG)
        if task_id is None:
            # Of the command line, or of another launcher: it is not known here how it goes.
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        try:
            if died := _death_of(self.celery, task_id):
                return CheckRunHealthResult(WorkerStatus.FAILED, f"The process of its worker died: {died}")
            is_known = _is_known(self.celery, task_id)
        except BROKER_TROUBLE:
            # Workers go on without their broker; once it is back, they have time to connect again.
            self._missing.forget_all()
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if not self._missing.for_too_long(run.run_id, is_known):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(
            WorkerStatus.FAILED,
            f"No worker has had this run for {MISSING_SECONDS:g} s: its machine is off, or cannot reach the broker. "
            "What it committed is kept, and what it did not finish is due again.",
        )

    def get_run_worker_debug_info(self, run: DagsterRun, include_container_logs: bool | None = True) -> str | None:
        """Which worker it was given to; nothing is asked for it."""
        worker = run.tags.get(WORKER_TAG)
        return f"Its worker: {worker}." if worker else None

    @property
    def supports_resume_run(self) -> bool:
        return False


class Missing:
    """Runs that no worker knew when it was asked for them, with how often and since when."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[str, tuple[int, float]] = {}

    def for_too_long(self, run_id: str, is_known: bool) -> bool:
        if is_known:
            self._since.pop(run_id, None)
            return False
        times, since = self._since.get(run_id, (0, self._clock()))
        self._since[run_id] = (times + 1, since)
        return times + 1 >= MISSES and self._clock() - since >= MISSING_SECONDS

    def forget_all(self) -> None:
        self._since.clear()


def _is_known(celery: Celery, task_id: str) -> bool:
    """Whether a worker has the task."""
    answers: Mapping[str, Mapping[str, Any]] = celery.control.inspect(timeout=ANSWER_SECONDS).query_task(task_id) or {}
    return any(task_id in known for known in answers.values())


def _death_of(celery: Celery, task_id: str) -> str | None:
    """Why the worker's process died that had the task, where its worker lived to tell."""
    result = celery.AsyncResult(task_id)
    return str(result.result) if result.state == "FAILURE" else None


def _priority(run: DagsterRun) -> int:
    try:
        return int(run.tags.get(DAGSTER_CELERY_RUN_PRIORITY_TAG, 0))
    except ValueError:
        return 0
