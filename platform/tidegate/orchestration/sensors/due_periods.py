"""The sensors that have due Mondays and months built and published again. One is first built by its schedule."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import dagster as dg
from dagster import DagsterInstance

from tidegate.home import Home
from tidegate.orchestration.history.recent_runs import RunOfDays, runs_under_way
from tidegate.orchestration.names import BUILD_JOBS
from tidegate.orchestration.sensors.build_requests import Builds, waited_long_enough
from tidegate.orchestration.sensors.ticks import sensor_of_what_is_due
from tidegate.publishing.due_days import DueDay, days_due_for_any
from tidegate.publishing.due_periods import DaysBehind, periods_due_for_any
from tidegate.window import Cadence


def build_due_periods_sensor(home: Home, cadence: Cadence) -> dg.SensorDefinition:
    return sensor_of_what_is_due(
        home,
        f"{cadence}_due",
        BUILD_JOBS[cadence],
        f"Restates the {cadence.noun} that are made of a day that was published again with other content.",
        lambda instance, now: look_for_due_periods(home, instance, cadence, now),
    )


def look_for_due_periods(home: Home, instance: DagsterInstance, cadence: Cadence, now: dt.datetime) -> dg.SensorResult:
    """One tick at `now` (UTC): the builds to launch, or why there are none."""
    behind = home.days_behind(cadence)
    with home.lake() as lake:
        due = periods_due_for_any(lake.con, home.products_of(cadence), behind)
        days_to_come = days_due_for_any(lake.con, home.products_of(Cadence.daily)) if due else []
    under_way = runs_under_way(instance) if due else []
    builds = Builds.of(home, instance, cadence)
    ready = [
        each
        for each in due
        if not any(run.builds(each.day, cadence) for run in under_way)
        and (waited_long_enough(each, now) or not _days_change_still(behind, each, days_to_come, under_way))
        and builds.may_go(each, now)
    ]
    requests = list(builds.requests(ready, {}))
    if requests:
        return dg.SensorResult(run_requests=requests[: home.settings.chunk_days])
    return dg.SensorResult(
        skip_reason=f"{len(due)} due {cadence.noun} wait for their days or for their next attempt."
        if due
        else f"No {cadence.singular} is due."
    )


def _days_change_still(behind: DaysBehind, due: DueDay, days: Sequence[DueDay], under_way: Sequence[RunOfDays]) -> bool:
    """Whether days that the partition is made of are due or under way: one build is to answer to them all."""
    made_of = behind.cadence.days_about(due.day, behind.reach)
    if any(day.day in made_of for day in days):
        return True
    return any(run.builds(day) for run in under_way for day in made_of.days)
