"""Which days a run is for, in Dagster's terms: partitions, ranges and tags, to and from windows.

Reading or writing data does not belong here.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping

import dagster as dg

from tidegate.errors import TidegateError
from tidegate.orchestration.names import FIRST_PARTITION_TAG, LAST_PARTITION_TAG, PARTITION_TAG
from tidegate.settings import Settings
from tidegate.window import ONE_DAY, ONE_WEEK, Cadence, Window, windows_of

NO_DAYS = Window(dt.date.min, dt.date.min)


def partitions_of(settings: Settings, cadence: Cadence) -> dg.TimeWindowPartitionsDefinition:
    """Every day that has ended, from the configured start; or every Monday that has begun, from the first with a
    day before it. Days are of the platform's time zone."""
    if cadence is Cadence.daily:
        return dg.DailyPartitionsDefinition(start_date=settings.start_date.isoformat(), timezone=settings.timezone)
    # To Dagster a week's partition is there when the week has ended, but a Monday is about the days before it.
    return dg.WeeklyPartitionsDefinition(
        start_date=first_monday(settings).isoformat(), day_offset=1, timezone=settings.timezone, end_offset=1
    )


def first_monday(settings: Settings) -> dt.date:
    """The first Monday that has a day of a partition before it."""
    return Cadence.weekly.among(Window(settings.start_date + ONE_DAY, settings.start_date + ONE_DAY + ONE_WEEK)).start


def days_behind(reach: int) -> dg.TimeWindowPartitionMapping:
    """Which days a Monday is made of, for Dagster's lineage: it counts whole weeks, so up to six days too many. What
    exactly a Monday needs is for the ledger to tell."""
    return dg.TimeWindowPartitionMapping(
        start_offset=-math.ceil(reach / ONE_WEEK.days), end_offset=-1, allow_nonexistent_upstream_partitions=True
    )


def ended_days(settings: Settings, now: dt.datetime) -> Window:
    """The days of the partitions that there are at `now`, which has an offset."""
    return Window(settings.start_date, max(settings.zone.day_of(now), settings.start_date))


def chunked_backfills(settings: Settings) -> dg.BackfillPolicy:
    """A backfill is cut into runs of this many partitions, each retried on its own."""
    return dg.BackfillPolicy.multi_run(max_partitions_per_run=settings.chunk_days)


def mondays_of(settings: Settings, days: Window) -> Window:
    """The Mondays on `days` that there is a partition of."""
    first = max(days.start, first_monday(settings))
    return Cadence.weekly.among(Window(first, max(first, days.end)))


def window_of(context: dg.AssetExecutionContext, settings: Settings, cadence: Cadence = Cadence.daily) -> Window:
    """The days, or Mondays, this step is for, one or many. Fails for a run of anything else, whoever launched it."""
    try:
        return accepted_window(settings, _keys_of(context.run.tags), cadence)
    except TidegateError as error:
        raise dg.Failure(str(error), allow_retries=False) from error


def accepted_window(settings: Settings, keys: tuple[str, str] | None, cadence: Cadence) -> Window:
    """The partitions from the first to the last of these keys. Raises TidegateError unless all of them exist now.

    Dagster itself launches whatever a run's tags say: no partition, a range that runs backwards, a day to come.
    """
    if keys is None:
        raise TidegateError(
            f"This run has no partition. Nothing was changed. Select one or more {cadence.noun} under Materialize."
        )
    window = _window_between(*keys, cadence)
    today = settings.zone.today()
    problem = (_missing_mondays if cadence is Cadence.weekly else _missing_days)(settings, window, today)
    if window is None or problem:
        raise TidegateError(f"There is no {cadence} partition {' to '.join(dict.fromkeys(keys))}: {problem}")
    return window


def _missing_days(settings: Settings, window: Window | None, today: dt.date) -> str:
    if window is None:
        return "partitions are days, written as 2024-01-31, the first of a range first. Nothing was changed."
    if window.start < settings.start_date:
        return (
            f"{window.start} is before the first partition, {settings.start_date}. Nothing was changed. "
            "Choose a later day, or set TIDEGATE_START_DATE."
        )
    if window.end > today:
        return (
            f"{window.last} has not ended yet, today is {today} ({settings.timezone}). Nothing was changed. "
            "Choose days before it."
        )
    return ""


def _missing_mondays(settings: Settings, window: Window | None, today: dt.date) -> str:
    first, newest = first_monday(settings), today - ONE_DAY * today.weekday()
    if window and first <= window.start and window.last <= newest:
        return ""
    return (
        f"they are the Mondays from {first} to {newest}. Nothing was changed. Choose among them, the first one first."
    )


def partition_tags(window: Window) -> dict[str, str]:
    """The tags by which Dagster knows a run's partitions: one for a single day, two for a range."""
    first, last = str(window.start), str(window.last)
    if first == last:
        return {PARTITION_TAG: first}
    return {FIRST_PARTITION_TAG: first, LAST_PARTITION_TAG: last}


def window_of_tags(tags: Mapping[str, str], cadence: Cadence = Cadence.daily) -> Window:
    """The days, or Mondays, that a run with these tags is for; none when it is for no partition.

    Anybody may have launched it, with any tags: what names no partition is for none.
    """
    keys = _keys_of(tags)
    return (_window_between(*keys, cadence) if keys else None) or NO_DAYS


def _keys_of(tags: Mapping[str, str]) -> tuple[str, str] | None:
    """The first and last partition key of a run with these tags, as its steps have them from Dagster."""
    if single := tags.get(PARTITION_TAG):
        return single, single
    first, last = tags.get(FIRST_PARTITION_TAG), tags.get(LAST_PARTITION_TAG)
    return (first, last) if first and last else None


def _window_between(first: str, last: str, cadence: Cadence) -> Window | None:
    """The window of these partition keys; None where they are none."""
    try:
        return Window.of_keys(first, last, cadence)
    except (ValueError, OverflowError):
        return None


def named_by_days(named: Iterable[tuple[str, dt.date]]) -> str:
    """Names with their days, for a sentence: `eu-west 2024-01-01..2024-01-03; us-east 2024-01-02`."""
    days: dict[str, list[dt.date]] = {}
    for name, day in named:
        days.setdefault(name, []).append(day)
    return "; ".join(f"{name} {', '.join(map(str, windows_of(of_name)))}" for name, of_name in days.items())
