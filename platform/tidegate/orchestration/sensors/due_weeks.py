"""The sensor that has due Mondays built and published again. A Monday is first built by the schedule `weekly`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import dagster as dg
from dagster import DagsterInstance

from tidegate.home import Home
from tidegate.orchestration.history.breaker import Pace
from tidegate.orchestration.history.recent_runs import Attempts, RunOfDays, runs_under_way
from tidegate.orchestration.names import WEEKLY_JOB
from tidegate.orchestration.sensors.build_requests import Builds, waited_long_enough
from tidegate.orchestration.sensors.ticks import sensor_of_what_is_due
from tidegate.publishing.due_days import DueDay, due_days
from tidegate.publishing.due_weeks import due_weeks
from tidegate.window import ONE_DAY, Cadence, Window


def build_weeks_due_sensor(home: Home) -> dg.SensorDefinition:
    return sensor_of_what_is_due(
        home,
        "weeks_due",
        WEEKLY_JOB,
        "Restates the Mondays whose window holds a day that was published again with other content.",
        lambda instance, now: look_for_due_weeks(home, instance, now),
    )


def look_for_due_weeks(home: Home, instance: DagsterInstance, now: dt.datetime) -> dg.SensorResult:
    """One tick at `now` (UTC): the builds to launch, or why there are none."""
    with home.lake() as lake:
        due = due_weeks(lake.con, home.weekly_requirements, home.days_behind_weeks)
        days_to_come = due_days(lake.con, home.gate_requirements) if due else []
    under_way = runs_under_way(instance) if due else []
    builds = Builds(
        Cadence.weekly,
        RunOfDays.builds_week,
        Attempts(instance, WEEKLY_JOB, Pace.of(home.settings)),
        home.settings.chunk_days,
    )
    ready = [
        week
        for week in due
        if not any(run.builds_week(week.day) for run in under_way)
        and (waited_long_enough(week, now) or not _days_change_still(home, week, days_to_come, under_way))
        and builds.may_go(week, now)
    ]
    requests = list(builds.requests(ready, {}))
    if requests:
        return dg.SensorResult(run_requests=requests[: home.settings.chunk_days])
    return dg.SensorResult(
        skip_reason=f"{len(due)} due Mondays wait for their days or for their next attempt."
        if due
        else "No Monday is due."
    )


def _days_change_still(home: Home, week: DueDay, days: Sequence[DueDay], under_way: Sequence[RunOfDays]) -> bool:
    """Whether days that the Monday is made of are due or under way: one build is to answer to them all."""
    behind = Window(week.day - ONE_DAY * home.days_behind_weeks.reach, week.day)
    if any(day.day in behind for day in days):
        return True
    return any(run.builds(day) for run in under_way for day in behind.days)
