"""Which days a run is for, in Dagster's terms: partitions, ranges and tags, to and from windows.

Reading or writing data does not belong here.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

from tidegate.settings import Settings
from tidegate.window import ONE_DAY, ONE_WEEK, Cadence, Window, windows_of

NO_DAYS = Window(dt.date.min, dt.date.min)


def partitions_of(settings: Settings, cadence: Cadence) -> dg.TimeWindowPartitionsDefinition:
    """Every UTC day that has ended, from the configured start; or every Monday that has begun, from the first with a
    day before it."""
    if cadence is Cadence.daily:
        return dg.DailyPartitionsDefinition(start_date=settings.start_date.isoformat(), timezone="UTC")
    # To Dagster a week's partition is there when the week has ended, but a Monday is about the days before it.
    return dg.WeeklyPartitionsDefinition(
        start_date=first_monday(settings).isoformat(), day_offset=1, timezone="UTC", end_offset=1
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
    """The days of the partitions that there are at `now` (UTC)."""
    return Window(settings.start_date, max(now.date(), settings.start_date))


def chunked_backfills(settings: Settings) -> dg.BackfillPolicy:
    """A backfill is cut into runs of this many partitions, each retried on its own."""
    return dg.BackfillPolicy.multi_run(max_partitions_per_run=settings.chunk_days)


def mondays_of(settings: Settings, days: Window) -> Window:
    """The Mondays on `days` that there is a partition of."""
    first = max(days.start, first_monday(settings))
    return Cadence.weekly.among(Window(first, max(first, days.end)))


def window_of(context: dg.AssetExecutionContext, cadence: Cadence = Cadence.daily) -> Window:
    """The days, or Mondays, this step is for, one or many. Fails for a run that was launched without any."""
    if not (context.has_partition_key or context.has_partition_key_range):
        raise dg.Failure(
            "This run is for no day. Choose days under Materialize and launch it there.", allow_retries=False
        )
    keys = context.partition_key_range
    window = _window_between(keys.start, keys.end, cadence)
    if window is None:
        kind = "Mondays" if cadence is Cadence.weekly else "days, written as 2024-01-31"
        raise dg.Failure(
            f"This run is for {keys.start} to {keys.end}, and its partitions are {kind}. Nothing was changed. "
            "Launch it again for one of these.",
            allow_retries=False,
        )
    return window


def partition_tags(window: Window) -> dict[str, str]:
    """The tags by which Dagster knows a run's partitions: one for a single day, two for a range."""
    first, last = str(window.start), str(window.last)
    if first == last:
        return {PARTITION_NAME_TAG: first}
    return {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}


def window_of_tags(tags: Mapping[str, str], cadence: Cadence = Cadence.daily) -> Window:
    """The days, or Mondays, that a run with these tags is for; none when it is for no partition.

    Anybody may have launched it, with any tags: what names no partition is for none.
    """
    single = tags.get(PARTITION_NAME_TAG)
    first = tags.get(ASSET_PARTITION_RANGE_START_TAG, single)
    last = tags.get(ASSET_PARTITION_RANGE_END_TAG, single)
    window = _window_between(first, last, cadence) if first and last else None
    return window or NO_DAYS


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
