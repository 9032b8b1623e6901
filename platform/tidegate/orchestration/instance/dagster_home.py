"""The Dagster instance of a Tidegate home: its folder, its dagster.yaml, and opening it.

Dagster is imported to open it, and not before: who only reads what was recorded (`history.opening`) opens none.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from tidegate.errors import NotInstalledError, TidegateError
from tidegate.machine.disk import write_whole
from tidegate.machine.locks import HeldElsewhereError, file_lock
from tidegate.machine.signed import has_signature, is_unchanged, signed
from tidegate.orchestration.names import SCHEDULER
from tidegate.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

# Events of one batch are written together; a run of 365 days times 60 checks stays in a handful of batches.
EVENT_BATCH_SIZE = "5000"

EVENT_LOG_MODULE = "tidegate.orchestration.instance.event_log"
# Where machines share a record in PostgreSQL.
RECORD_MODULE = "tidegate.orchestration.instance.postgres_record"
LAUNCHER_MODULE = "tidegate.orchestration.instance.run_launcher"

# By deployment, what launches the runs of many machines.
SHARED_LAUNCHERS = {
    "celery": "tidegate.orchestration.instance.workers.launcher",
    "kubernetes": "tidegate.orchestration.instance.pod_launcher",
}

# What it was called before. The dagster.yaml of a home names it, and Dagster opens no home that names a missing module.
FORMER_EVENT_LOG_MODULE = re.compile(r"\btidegate\.orchestration\.event_log\b")

# Making an instance takes a second or two, opening one a tenth of that.
OPENING_POLL_SECONDS = 0.05


def instance_config(settings: Settings) -> dict[str, object]:
    """What dagster.yaml says: of one machine, or of many that share Dagster's record."""
    config = embedded_config(settings)
    if not settings.is_shared:
        return config
    from tidegate.orchestration.instance.deployments import shared_config

    return {**{key: value for key, value in config.items() if key != "event_log_storage"}, **shared_config(settings)}


def embedded_config(settings: Settings) -> dict[str, object]:
    """An instance of one machine: SQLite under the home, no telemetry, a queue of runs.

    Runs are not retried by Dagster, which cannot tell a rejected delivery from an outage and does not wait between two
    tries: what can heal by itself is asked for again by its sensor, after pauses that grow.
    """
    return {
        "telemetry": {"enabled": False},
        # No sign-up dialog in front of the first look at the graph.
        "nux": {"enabled": False},
        "event_log_storage": {
            "module": EVENT_LOG_MODULE,
            "class": "BatchingSqliteEventLogStorage",
            "config": {"base_dir": str(settings.dagster_home / "history" / "runs")},
        },
        "run_launcher": {"module": LAUNCHER_MODULE, "class": "ForkingRunLauncher"},
        # What waits is looked for every second: that takes milliseconds, and a run of a small day two seconds.
        "run_queue": {"dequeue_interval_seconds": 1},
        "concurrency": {
            # A run uses every core through DuckDB; more at once would only wait for each other's leases.
            "runs": {"max_concurrent_runs": 2},
            # One run at a time for the lake and for each kind of server outside. Of whole runs and not of steps: a
            # step that is killed would keep its place in the pool until somebody frees it.
            "pools": {"default_limit": 1, "granularity": "run"},
        },
        "run_monitoring": {
            "enabled": True,
            "max_runtime_seconds": settings.run_limit_minutes * 60,
            # A busy machine may take minutes to start a process.
            "start_timeout_seconds": 600,
            "cancel_timeout_seconds": 180,
            "poll_interval_seconds": 30,
        },
        "run_retries": {"enabled": False},
        "scheduler": {
            "module": SCHEDULER,
            "class": "DagsterDaemonScheduler",
            # After downtime the newest tick alone is made up for; it looks at the days before it by itself.
            "config": {"max_catchup_runs": 1},
        },
        # A source that hangs must not keep the other sensors from looking.
        "sensors": {"use_threads": True, "num_workers": 4},
        "retention": {
            # A sensor skips two thousand times a day.
            "sensor": {"purge_after_days": {"skipped": 2, "failure": 30, "success": 90}},
            "schedule": {"purge_after_days": {"skipped": 30, "failure": 90, "success": 90}},
        },
    }


def make_instance(settings: Settings) -> None:
    """Make the home's instance: its dagster.yaml, and what Dagster keeps its record in."""
    write_config(settings)
    with open_instance(settings) as instance:
        if settings.is_shared:
            _set_pools(instance, settings)


def write_config(settings: Settings) -> None:
    """Have the home's dagster.yaml say what the settings do.

    A dagster.yaml that `init` wrote follows the settings. One that somebody changed is left alone but for the name of a
    module that has moved since: it is theirs.
    """
    config = settings.dagster_home / "dagster.yaml"
    config.parent.mkdir(parents=True, exist_ok=True)
    wanted = signed(yaml.safe_dump(instance_config(settings), sort_keys=False))
    if not config.exists() or (_is_as_written(config, settings) and config.read_text() != wanted):
        write_whole(config, wanted)
    elif names_a_moved_module(config):
        write_whole(config, FORMER_EVENT_LOG_MODULE.sub(EVENT_LOG_MODULE, config.read_text()))


def _is_as_written(config: Path, settings: Settings) -> bool:
    """Whether nobody changed a dagster.yaml since `init` wrote it. What older versions wrote has no signature."""
    text = config.read_text()
    if has_signature(text):
        return is_unchanged(text)
    return bool(yaml.safe_load(text) == embedded_config(settings))


def _set_pools(instance: DagsterInstance, settings: Settings) -> None:
    from tidegate.orchestration.instance.deployments import pools_of

    for pool, limit in pools_of(settings).items():
        instance.event_log_storage.set_concurrency_slots(pool, limit)


def names_a_moved_module(config: Path) -> bool:
    """Whether a dagster.yaml was written by an older version, and Dagster cannot open what it describes."""
    return FORMER_EVENT_LOG_MODULE.search(config.read_text()) is not None


def batch_events(settings: Settings) -> None:
    """Have this process and its children write events in batches, unless the environment says otherwise. Where somebody
    wrote Dagster's own storage in PostgreSQL into dagster.yaml, which takes no batch of several kinds and would warn of
    each, they stay single."""
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", EVENT_BATCH_SIZE if _takes_batches(settings) else "0")


def _takes_batches(settings: Settings) -> bool:
    config = settings.dagster_home / "dagster.yaml"
    return not settings.is_shared or (config.exists() and RECORD_MODULE in config.read_text(encoding="utf-8"))


def refuse_unusable(settings: Settings) -> None:
    """Raise TidegateError where the home has no instance, or one that an older version made."""
    config = settings.dagster_home / "dagster.yaml"
    if not config.exists():
        raise TidegateError(
            f"There is no Dagster instance in {settings.dagster_home}. Nothing was made or changed. "
            "Set TIDEGATE_HOME to the home that you mean, or make what it lacks: tidegate init"
        )
    if names_a_moved_module(config):
        raise TidegateError(
            f"{config} was written by an older version: it names a module that has moved to {EVENT_LOG_MODULE}. "
            "Nothing was run or changed. Set the new name, and nothing else, with: tidegate init"
        )
    written_for = deployment_of(config)
    if written_for != settings.deployment:
        raise TidegateError(
            f"TIDEGATE_DEPLOYMENT is {settings.deployment}, and {config} is for {written_for}. Nothing was run or "
            "changed. Write it again with: tidegate init. One that was changed by hand stays: move it away before."
        )


def deployment_of(config: Path) -> str:
    """For which deployment a dagster.yaml is, by the launcher that it names."""
    text = config.read_text()
    return next((deployment for deployment, module in SHARED_LAUNCHERS.items() if module in text), "local")


def open_instance(settings: Settings) -> DagsterInstance:
    """The home's instance, which this process is pointed at.

    Raises TidegateError when there is none, an older version made it, or another process is making it for too long.
    """
    from dagster import DagsterInstance

    from tidegate.orchestration.instance.private import read_revisions_once

    refuse_unusable(settings)
    read_revisions_once()
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)
    batch_events(settings)
    settings.scratch.mkdir(parents=True, exist_ok=True)
    lock = settings.scratch / "dagster-instance.lock"
    deadline = time.monotonic() + settings.lake_patience
    try:
        # Two processes that make Dagster's SQLite files at once stamp them twice, and nobody can open them ever after.
        with file_lock(lock, deadline, OPENING_POLL_SECONDS):
            return _opened_elsewhere(settings) if settings.is_shared else DagsterInstance.get()
    except HeldElsewhereError as error:
        raise TidegateError(
            f"{error.holder or 'Another process'} has been opening Dagster's instance in {settings.dagster_home} for "
            f"{settings.lake_patience:g} s. Nothing was run. Let that process end, or stop it, and run this again."
        ) from error


def _opened_elsewhere(settings: Settings) -> DagsterInstance:
    """The instance whose record is in PostgreSQL. Dagster itself tries for some seconds."""
    from dagster import DagsterInstance

    try:
        from dagster_postgres.utils import DagsterPostgresException
    except ModuleNotFoundError as error:
        needs = f"TIDEGATE_DEPLOYMENT={settings.deployment}"
        raise NotInstalledError(needs, str(error.name), settings.deployment) from error
    from sqlalchemy.exc import OperationalError

    try:
        return DagsterInstance.get()
    except (DagsterPostgresException, OperationalError) as error:
        why = str(error.__cause__ or error).strip().partition("\n")[0]
        raise TidegateError(
            f"Dagster's record in {settings.dagster_database} cannot be reached: {why}. Nothing was run or changed. "
            "Check TIDEGATE_DAGSTER_DATABASE, PGPASSWORD, and that the server runs."
        ) from error
