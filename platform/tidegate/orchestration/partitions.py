"""Which days a run is for, in Dagster's terms: partitions, ranges and tags, to and from windows.

Reading or writing data does not belong here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

from tidegate.settings import Settings
from tidegate.window import ONE_DAY, Window, windows_of

NO_DAYS = Window(dt.date.min, dt.date.min)


def daily_partitions(settings: Settings) -> dg.DailyPartitionsDefinition:
    """Every UTC day that has ended, from the configured start."""
    return dg.DailyPartitionsDefinition(start_date=settings.start_date.isoformat(), timezone="UTC")


def ended_days(settings: Settings, now: dt.datetime) -> Window:
    """The days of the partitions that there are at `now` (UTC)."""
    return Window(settings.start_date, max(now.date(), settings.start_date))


def chunked_backfills(settings: Settings) -> dg.BackfillPolicy:
    """A backfill is cut into runs of this many partitions, each retried on its own."""
    return dg.BackfillPolicy.multi_run(max_partitions_per_run=settings.chunk_days)


def window_of(context: dg.AssetExecutionContext) -> Window:
    """The days this step is for, one or many. Fails for a run that was launched without any."""
    if not (context.has_partition_key or context.has_partition_key_range):
        raise dg.Failure(
            "This run is for no day. Choose days under Materialize and launch it there.", allow_retries=False
        )
    keys = context.partition_key_range
    return Window.of_keys(keys.start, keys.end)


def partition_tags(window: Window) -> dict[str, str]:
    """The tags by which Dagster knows a run's partitions: one for a single day, two for a range."""
    first, last = str(window.start), str(window.end - ONE_DAY)
    if first == last:
        return {PARTITION_NAME_TAG: first}
    return {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}


def window_of_tags(tags: Mapping[str, str]) -> Window:
    """The days that a run with these tags is for; none when it is for no day."""
    single = tags.get(PARTITION_NAME_TAG)
    first = tags.get(ASSET_PARTITION_RANGE_START_TAG, single)
    last = tags.get(ASSET_PARTITION_RANGE_END_TAG, single)
    return Window.of_keys(first, last) if first and last else NO_DAYS


def named_by_days(named: Iterable[tuple[str, dt.date]]) -> str:
    """Names with their days, for a sentence: `eu-west 2024-01-01..2024-01-03; us-east 2024-01-02`."""
    days: dict[str, list[dt.date]] = {}
    for name, day in named:
        days.setdefault(name, []).append(day)
    return "; ".join(f"{name} {', '.join(map(str, windows_of(of_name)))}" for name, of_name in days.items())
