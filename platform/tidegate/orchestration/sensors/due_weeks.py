"""Mondays: the schedule that has each built when its time comes, and the sensor that has them built again.

The schedule does not wait for days that are unpublished; a check counts them, and the Monday follows when they come.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import dagster as dg
from dagster import DagsterInstance

from tidegate.home import Home
from tidegate.ledger.publications import published_days
from tidegate.orchestration.history.breaker import Pace
from tidegate.orchestration.history.recent_runs import Attempts, RunOfDays, runs_under_way
from tidegate.orchestration.names import WEEKLY_JOB
from tidegate.orchestration.partitions import mondays_of, partition_tags
from tidegate.orchestration.sensors.build_requests import Builds, waited_long_enough
from tidegate.orchestration.sensors.ticks import schedule_status, sensor_status
from tidegate.publishing.due import DueDay, due_days
from tidegate.publishing.due_weeks import due_weeks, weeks_with_days
from tidegate.window import ONE_DAY, Cadence, Window, windows_of


def build_weekly_schedule(home: Home) -> dg.ScheduleDefinition:
    @dg.schedule(
        name="weekly",
        job_name=WEEKLY_JOB,
        cron_schedule="0 6 * * 1",
        execution_timezone="UTC",
        default_status=schedule_status(home.settings),
        description="Builds and publishes the marts of the Monday that has begun, and of one before it that is not.",
    )
    def weekly(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        return runs_of_mondays(home, context.instance, context.scheduled_execution_time)

    return weekly


def runs_of_mondays(home: Home, instance: DagsterInstance, now: dt.datetime) -> list[dg.RunRequest] | dg.SkipReason:
    """The runs to launch at `now` (UTC): Mondays of the days that are caught up on, and today."""
    today = now.date()
    earliest = max(home.settings.start_date, today - ONE_DAY * home.settings.catch_up_days)
    mondays = mondays_of(home.settings, Window(earliest, max(earliest, today + ONE_DAY)))
    under_way = runs_under_way(instance)
    with home.lake() as lake:
        published = set(published_days(lake.con, mondays))
        ready = [
            monday
            for monday in weeks_with_days(lake.con, mondays, home.days_behind_weeks)
            if monday not in published and not any(run.builds_week(monday) for run in under_way)
        ]
    if not ready:
        return dg.SkipReason("Every Monday is published, under way, or without a published day before it.")
    windows = windows_of(ready, Cadence.weekly)
    return [dg.RunRequest(run_key=f"{now:%Y-%m-%d} {window}", tags=partition_tags(window)) for window in windows]


def build_weeks_due_sensor(home: Home) -> dg.SensorDefinition:
    @dg.sensor(
        name="weeks_due",
        job_name=WEEKLY_JOB,
        minimum_interval_seconds=home.settings.tick_seconds,
        default_status=sensor_status(home.settings),
        description="Restates the Mondays whose window holds a day that was published anew with other content.",
    )
    def weeks_due(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        return look_for_due_weeks(home, context.instance, dt.datetime.now(dt.UTC))

    return weeks_due


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
