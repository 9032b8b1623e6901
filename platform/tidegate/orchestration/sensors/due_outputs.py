"""The sensors that have due outputs made, those of the newest days first.

The ledger says which are due, and a run makes what is due of its days when it runs. So days may be asked for in
few runs, with days between them that need nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import dagster as dg
from dagster import DagsterInstance

from tidegate.home import Home
from tidegate.orchestration.history.breaker import Pace
from tidegate.orchestration.history.recent_runs import Attempts, RunOfDays, digest, runs_under_way
from tidegate.orchestration.names import ONLY_DUE_TAG, OUTPUT_JOBS, OUTPUT_SENSORS, REQUEST_TAG
from tidegate.orchestration.partitions import partition_tags
from tidegate.orchestration.sensors.ticks import sensor_of_what_is_due
from tidegate.publishing.due.outputs import Output, due_outputs
from tidegate.window import Cadence, Window, windows_over


def build_due_outputs_sensor(home: Home, cadence: Cadence) -> dg.SensorDefinition:
    return sensor_of_what_is_due(
        home,
        OUTPUT_SENSORS[cadence],
        OUTPUT_JOBS[cadence],
        "Makes exports and pages again where what is published differs from what they were made of.",
        lambda instance, now: look_for_due_outputs(home, instance, cadence, now),
    )


def look_for_due_outputs(home: Home, instance: DagsterInstance, cadence: Cadence, now: dt.datetime) -> dg.SensorResult:
    """One tick at `now` (UTC): the runs to launch, or why there are none."""
    due = due_outputs_of(home, cadence)
    if not due:
        return dg.SensorResult(skip_reason="No output is due.")
    attempts = Attempts(instance, OUTPUT_JOBS[cadence], Pace.of(home.settings))
    attempts.look_up(output.day for output in due)
    look = _Look(runs_under_way(instance), attempts, now)
    ready = [output for output in due if look.may_be_made(output, cadence)]
    if not ready:
        waiting = f"{len(due)} due outputs wait for runs under way or for their next attempt."
        return dg.SensorResult(skip_reason=waiting)
    chunk = home.settings.chunk_days
    windows = islice(windows_over((output.day for output in ready), cadence, chunk), chunk)
    requests = [look.request(window, [output for output in ready if output.day in window]) for window in windows]
    return dg.SensorResult(run_requests=requests)


def due_outputs_of(home: Home, cadence: Cadence) -> list[Output]:
    """Every due output of a cadence."""
    kinds = [maker.kind for maker in home.makers_of(cadence)]
    with home.lake() as lake:
        return due_outputs(lake.con, kinds, home.outputs.place)


@dataclass(frozen=True)
class _Look:
    under_way: Sequence[RunOfDays]
    attempts: Attempts
    now: dt.datetime

    def may_be_made(self, output: Output, cadence: Cadence) -> bool:
        """Not while a run makes it, or is at what it is made of; and not too soon after it failed."""
        if any(run.makes(output.kind, output.day) or run.builds(output.day, cadence) for run in self.under_way):
            return False
        return self.attempts.may_go(self._failed_attempts(output), self.now)

    def _failed_attempts(self, output: Output) -> list[RunOfDays]:
        """Runs that failed to make it since what it is made of was published."""
        return self.attempts.failed_attempts(
            output.day, lambda run: run.makes(output.kind, output.day) and not run.succeeded, since=output.since
        )

    def _newest(self, output: Output) -> str:
        return self.attempts.newest(output.day, lambda run: run.makes(output.kind, output.day))

    def request(self, window: Window, outputs: Sequence[Output]) -> dg.RunRequest:
        # Dagster answers to a run key once and never again: it names what is to be made, what stood before, and what
        # ran before.
        state = [
            (output.kind, str(output.day), output.inputs_hash, output.entry, self._newest(output)) for output in outputs
        ]
        key = f"{window}:{digest(state)}"
        return dg.RunRequest(run_key=key, tags={**partition_tags(window), REQUEST_TAG: key, ONLY_DUE_TAG: "true"})
