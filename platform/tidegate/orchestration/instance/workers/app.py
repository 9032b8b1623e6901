"""The worker of a machine: a Celery app with one task, executed in processes that are forked with all imported.

celery -A tidegate.orchestration.instance.workers.app would do; `tidegate worker` starts it as it should be.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
from collections.abc import Sequence
from functools import cache
from typing import Any

from celery import Celery
from dagster import DagsterInstance

from tidegate.orchestration.instance.code_version import difference, version_of
from tidegate.orchestration.instance.private import quiet_console
from tidegate.orchestration.instance.warm_parent import import_everything
from tidegate.orchestration.instance.workers.broker import EXECUTE_RUN, QUEUE, SETTINGS
from tidegate.orchestration.instance.workers.claim import take
from tidegate.orchestration.names import WORKER_TAG
from tidegate.orchestration.private import capture_interrupts, execute_run, report_died
from tidegate.settings import load_settings

# A process grows by 2 to 3 MB with each run (measured over 26); another one is forked in milliseconds.
RUNS_OF_A_PROCESS = 50

app = Celery("tidegate", broker=os.environ.get("REDIS_URL"), backend=os.environ.get("REDIS_URL"))
app.conf.update(SETTINGS)


@cache
def version_at_start() -> str:
    """What this process had on its disk when it imported everything."""
    return version_of(load_settings())


@app.task(name=EXECUTE_RUN)  # type: ignore[untyped-decorator]
def execute(run_id: str, wanted: str | None) -> None:
    """Execute a run that the launcher sent. How it went is in its events."""
    with DagsterInstance.get() as instance:
        # Where not, it was ended while it waited, or another worker has it.
        run = instance.get_run_by_id(run_id) if take(instance, run_id) else None
        if run is None:
            return
        if refusal := refusal_of(wanted, version_at_start(), version_of(load_settings())):
            report_died(instance, run, refusal)
            return
        instance.add_run_tags(run_id, {WORKER_TAG: socket.gethostname()})
        _execute(instance, run_id)


def _execute(instance: DagsterInstance, run_id: str) -> None:
    # Celery has its processes ignore it; it is how the launcher ends a run.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with capture_interrupts():
            execute_run(instance, run_id)
    except KeyboardInterrupt:
        # It came when the run was over.
        return
    finally:
        signal.signal(signal.SIGINT, before)


def refusal_of(wanted: str | None, at_start: str, on_disk: str) -> str | None:
    """Why a run must not be executed here: this worker would judge or build by something else than its code server."""
    here = socket.gethostname()
    if at_start != on_disk:
        return (
            f"The worker on {here} runs what was there when it started, and {difference(at_start, on_disk)} changed "
            "since. Nothing was run or changed. Restart the worker."
        )
    if wanted is not None and wanted != on_disk:
        return (
            f"The worker on {here} and the code server differ in {difference(wanted, on_disk)}. Nothing was run or "
            "changed. Bring both to one version and restart both."
        )
    return None


def start(concurrency: int, queues: Sequence[str]) -> None:
    """Work until asked to stop; what is under way is finished then. The instance is this process's."""
    quiet_console()
    version_at_start()
    import_everything()
    arguments: list[Any] = [
        *("worker", "--pool=prefork", f"--concurrency={concurrency}", f"--queues={','.join(queues or [QUEUE])}"),
        f"--max-tasks-per-child={RUNS_OF_A_PROCESS}",
        # Two workers of one machine answer under two names.
        f"--hostname=tidegate-{secrets.token_hex(3)}@%h",
        *("--prefetch-multiplier=1", "--disable-prefetch", "--without-gossip", "--without-mingle", "--loglevel=INFO"),
    ]
    app.worker_main(arguments)
