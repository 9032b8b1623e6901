"""The sensors that have due partitions built and published: days, Mondays and months, new ones first.

`publishing.due` says which are due. This module decides when their turn comes: not while what they are made of is still
changing, so that one build answers to all of it, and restatements in batches.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg
from dagster import DagsterInstance

from tidegate.home import Home
from tidegate.lake.connect import Lake
from tidegate.ledger.waivers import standing_waivers
from tidegate.orchestration.history.recent_runs import RunOfDays, runs_under_way
from tidegate.orchestration.names import BUILD_JOBS, DUE_SENSORS
from tidegate.orchestration.partitions import ended_days
from tidegate.orchestration.sensors.build_requests import Builds, waited_long_enough
from tidegate.orchestration.sensors.late_regions import waive_late_regions, withdraw_regions
from tidegate.orchestration.sensors.ticks import sensor_of_what_is_due
from tidegate.publishing.due.partitions import Due, due_for_any, without_days_behind
from tidegate.publishing.gate import held_days
from tidegate.window import ONE_DAY, Cadence, Window, windows_of


def build_due_sensor(home: Home, cadence: Cadence) -> dg.SensorDefinition:
    return sensor_of_what_is_due(
        home,
        DUE_SENSORS[cadence],
        BUILD_JOBS[cadence],
        "Builds and publishes days whose deliveries are all in; restates those that later ones touched."
        if cadence is Cadence.daily
        else f"Restates the {cadence.noun} that are made of a day that was published again with other content.",
        lambda instance, now: look_for_due_partitions(home, instance, cadence, now),
    )


def look_for_due_partitions(
    home: Home, instance: DagsterInstance, cadence: Cadence, now: dt.datetime
) -> dg.SensorResult:
    """One tick at `now` (UTC): the builds to launch, or why there are none."""
    under_way = runs_under_way(instance)
    of_days = cadence is Cadence.daily
    done = [withdraw_regions(home), waive_late_regions(home, instance, under_way, now)] if of_days else []
    with home.lake() as lake:
        due = due_for_any(lake.con, home.products_of(cadence))
        days = due if of_days or not due else due_for_any(lake.con, home.products_of(Cadence.daily))
        without = _names_by_day(lake) if of_days else {}
    look = _Look(home, cadence, Builds.of(home, instance, cadence), under_way, days, now)
    requests = list(look.builds.requests(look.ready(due), without))
    if requests:
        return dg.SensorResult(run_requests=requests[: home.settings.chunk_days])
    waiting = (
        f"{len(due)} due {cadence.noun} wait for what they are made of or for their next attempt."
        if due
        else f"No {cadence.singular} is due."
    )
    held = _held_sentence(home, now) if of_days else ""
    return dg.SensorResult(skip_reason=" ".join(filter(None, [*done, waiting, held])))


def _names_by_day(lake: Lake) -> dict[dt.date, list[str]]:
    found: dict[dt.date, list[str]] = {}
    for waived in standing_waivers(lake.con):
        found.setdefault(waived.day, []).append(str(waived))
    return found


def _held_sentence(home: Home, now: dt.datetime) -> str:
    """Which of the newest ended days are held: that none is due does not mean that all is well."""
    ended = ended_days(home.settings, now)
    newest = Window(max(ended.start, ended.end - ONE_DAY * home.settings.look_back_days), ended.end)
    with home.lake() as lake:
        held = held_days(lake.con, newest, home.products_of(Cadence.daily))
    if not held:
        return ""
    days = ", ".join(map(str, windows_of(held)))
    return f"Held: {days}. Why is in `tidegate status` and, once they were tried, on their pages in `serving`."


@dataclass(frozen=True)
class _Look:
    """What is under way, and which days are due, as one tick finds it."""

    home: Home
    cadence: Cadence
    builds: Builds
    under_way: Sequence[RunOfDays]
    due_days: Sequence[Due]
    now: dt.datetime

    def ready(self, due: Sequence[Due]) -> list[Due]:
        """Those whose turn it is."""
        settled = [each for each in due if self._is_settled(each)]
        self.builds.attempts.look_up(each.day for each in settled)
        ready = [each for each in settled if self.builds.may_go(each, self.now)]
        return self._after_days_behind(ready) if self.cadence is Cadence.daily else ready

    def _is_settled(self, due: Due) -> bool:
        """Whether nobody builds it, nor what it is made of."""
        if any(run.builds(due.day, self.cadence) for run in self.under_way):
            return False
        if self.cadence is not Cadence.daily:
            return waited_long_enough(due, self.now) or not self._days_change_still(due)
        loads = [run for run in self.under_way if any(map(run.loads_any, self.home.contracts))]
        if any(due.day in run.days for run in loads):
            return False
        return not (due.restates and loads and not waited_long_enough(due, self.now))

    def _days_change_still(self, due: Due) -> bool:
        """Whether days that the partition is made of are due or under way: one build is to answer to them all."""
        made_of = self.cadence.days_about(due.day, self.home.days_behind(self.cadence).reach)
        if any(day.day in made_of for day in self.due_days):
            return True
        return any(run.builds(day) for run in self.under_way for day in made_of.days)

    def _after_days_behind(self, ready: Sequence[Due]) -> list[Due]:
        """Without days that read back to one that is built before them: they are built once, after it."""
        reach = self.home.requirements_of(Cadence.daily).reach
        chosen = set(without_days_behind([due.day for due in ready], reach))
        return [
            due
            for due in ready
            if due.day in chosen
            and not any(run.builds(due.day - ONE_DAY * back) for back in range(1, reach + 1) for run in self.under_way)
        ]
