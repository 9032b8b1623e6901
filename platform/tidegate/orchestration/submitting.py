"""Runs that machines share: handed to the queue, and followed to their end from here.

Executing one beside the queue would pass by its limits, and the daemon, which cannot see this process, would take it
for dead.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from dagster import DagsterEvent, DagsterInstance, DagsterRun

from tidegate.errors import TidegateError
from tidegate.machine.stopping import ended_with
from tidegate.orchestration.names import FINISHED
from tidegate.orchestration.private import create_and_queue, daemon_seen_at
from tidegate.settings import Settings

# A look is two short queries.
LOOK_SECONDS = 0.5

# The daemon reports every 30 s.
SILENT_DAEMON = dt.timedelta(minutes=2)


@dataclass(frozen=True)
class FollowedRun:
    """A run that ended elsewhere, as one that was executed here tells of itself."""

    dagster_run: DagsterRun
    all_events: Sequence[DagsterEvent]

    @property
    def run_id(self) -> str:
        return str(self.dagster_run.run_id)


def queue_and_follow(settings: Settings, instance: DagsterInstance, job: str, tags: Mapping[str, str]) -> FollowedRun:
    """Have a job run on one of the machines, and wait until it ended. Raises TidegateError where nothing would take
    the run."""
    with queue_all(settings, instance, job, [tags]) as runs:
        return next(runs)


@contextmanager
def queue_all(
    settings: Settings, instance: DagsterInstance, job: str, asked: Sequence[Mapping[str, str]]
) -> Iterator[Iterator[FollowedRun]]:
    """Queue a run for each of these tags, and follow them in this order; the queue says how many go at once.

    Those that nobody waits for any longer are ended. Raises TidegateError where nothing would take the runs.
    """
    queued: list[str] = []

    def end_all() -> None:
        for run_id in queued:
            instance.run_coordinator.cancel_run(run_id)

    def followed() -> Iterator[FollowedRun]:
        for run_id in list(queued):
            ended = follow(instance, run_id)
            queued.remove(run_id)
            yield ended

    with ended_with(end_all):
        try:
            queued.extend(submit(settings, instance, job, tags) for tags in asked)
            yield followed()
        finally:
            end_all()


def submit(settings: Settings, instance: DagsterInstance, job: str, tags: Mapping[str, str]) -> str:
    """Queue a run; returns its id. Raises TidegateError where nothing would take it."""
    _refuse_silent_daemon(instance)
    try:
        return create_and_queue(instance, settings.code_server_address, job, tags)
    except ConnectionError as error:
        raise TidegateError(
            f"The code server at {settings.code_server} (TIDEGATE_CODE_SERVER) cannot be asked for the job {job}: "
            f"{error}. Nothing was run or changed. See that it runs and has loaded: dagster code-server start -m "
            "tidegate.definitions"
        ) from error


def follow(instance: DagsterInstance, run_id: str) -> FollowedRun:
    """Wait for a run's end."""
    while True:
        run = instance.get_run_by_id(run_id)
        if run is None:
            raise TidegateError(f"The run {run_id} was deleted while it was followed. What it committed is kept.")
        if run.status.value in FINISHED:
            events = [entry.dagster_event for entry in instance.all_logs(run_id)]
            return FollowedRun(run, [event for event in events if event])
        time.sleep(LOOK_SECONDS)


def _refuse_silent_daemon(instance: DagsterInstance) -> None:
    seen = daemon_seen_at(instance)
    if seen is None or dt.datetime.now(dt.UTC) - seen > SILENT_DAEMON:
        last = f"reported last at {seen:%Y-%m-%d %H:%M} UTC" if seen else "never ran on this record"
        raise TidegateError(
            f"Dagster's daemon, which gives queued runs to the workers, {last}. Nothing was run or changed. Start it, "
            "and run this again: dagster-daemon run"
        )
