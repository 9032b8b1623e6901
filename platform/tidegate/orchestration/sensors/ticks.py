"""Whether sensors and schedules tick, and how long a tick may take.

Dagster gives a sensor 60 seconds; a tick that takes longer tells nothing at all.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from typing import TypeVar

import dagster as dg
from dagster import DagsterInstance

from tidegate.errors import SourceDownError
from tidegate.home import Home
from tidegate.lake.connect import Lake
from tidegate.ledger.upkeep.opening import open_lake
from tidegate.machine.background import started
from tidegate.settings import Settings

T = TypeVar("T")

# How long a tick waits for other writers of the lake; a run waits longer.
LAKE_SECONDS = 5.0

# How long a source may take to tell what it has: several times what 100,000 objects of S3 take (docs/benchmarks.md).
LOOK_SECONDS = 40.0


def sensor_status(settings: Settings) -> dg.DefaultSensorStatus:
    """Unless somebody switches them in the UI, sensors run, and so do schedules, where the home is unattended."""
    return dg.DefaultSensorStatus.RUNNING if settings.unattended else dg.DefaultSensorStatus.STOPPED


def sensor_of_what_is_due(
    home: Home, name: str, job: str, description: str, look: Callable[[DagsterInstance, dt.datetime], dg.SensorResult]
) -> dg.SensorDefinition:
    """A sensor that looks, at this moment (UTC), what is due, and asks for runs of one job."""

    @dg.sensor(
        name=name,
        job_name=job,
        minimum_interval_seconds=home.settings.tick_seconds,
        default_status=sensor_status(home.settings),
        description=description,
    )
    def look_now(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        return look(context.instance, dt.datetime.now(dt.UTC))

    return look_now


def sensor_of_the_platform(
    home: Home, name: str, description: str, tick: Callable[[dg.SensorEvaluationContext], dg.SensorResult]
) -> dg.SensorDefinition:
    """A sensor that asks for no runs: it keeps a record, or tells somebody."""
    sensor = dg.sensor(
        name=name,
        minimum_interval_seconds=home.settings.tick_seconds,
        default_status=sensor_status(home.settings),
        description=description,
    )
    return sensor(tick)


def schedule_status(settings: Settings) -> dg.DefaultScheduleStatus:
    return dg.DefaultScheduleStatus.RUNNING if settings.unattended else dg.DefaultScheduleStatus.STOPPED


def hurried_lake(home: Home) -> Lake:
    """A connection of a tick's own that gives up on other writers soon. Close it."""
    return open_lake(dataclasses.replace(home.lake_config, patience=LAKE_SECONDS))


def within(seconds: float, source: str, look: Callable[[], T]) -> T:
    """What `look` returns or raises. Raises SourceDownError when that takes longer.

    On a thread: a mount that is gone, or a server that answers nothing, cannot be told to give up. Such a thread is
    left behind; the breaker sees to it that there are few.
    """
    done = started(look, f"look at {source}")
    try:
        return done.result(seconds)
    except TimeoutError as error:
        if done.done():
            # The look itself ended in a timeout of its own.
            raise
        raise SourceDownError(
            f"{source} did not tell within {seconds:g} s what it has. Nothing was changed; it is looked at again later."
        ) from error
