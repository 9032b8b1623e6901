"""Which days a run is for, in Dagster's terms: partitions, ranges and tags, to and from windows.

Reading or writing data does not belong here, nor what imports Dagster: that is in `partition_definitions`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from tidegate.errors import TidegateError
from tidegate.orchestration.names import FIRST_PARTITION_TAG, LAST_PARTITION_TAG, PARTITION_TAG
from tidegate.settings import Settings
from tidegate.window import ONE_DAY, Cadence, Window, windows_of
from tidegate.zones import Zone

if TYPE_CHECKING:
    from tidegate.home import Home

NO_DAYS = Window(dt.date.min, dt.date.min)


def first_partition(settings: Settings, cadence: Cadence) -> dt.date:
    """The first partition that is about a day from the configured start."""
    return cadence.about(settings.start_date)


def ended_partitions(settings: Settings, cadence: Cadence, now: dt.datetime) -> Window:
    """The partitions of a cadence that have ended at `now`, which has an offset."""
    first = first_partition(settings, cadence)
    return Window(first, max(first, cadence.about(settings.zone.day_of(now))), cadence)


def ended_days(settings: Settings, now: dt.datetime) -> Window:
    """The days that have ended at `now`, which has an offset."""
    return ended_partitions(settings, Cadence.daily, now)


def with_open_day(ended: Window) -> Window:
    """The days that have ended, and the one that goes on."""
    return Window(ended.start, ended.end + ONE_DAY)


def accepted_window(home: Home, keys: tuple[str, str] | None, cadence: Cadence) -> Window:
    """The partitions from the first to the last of these keys. Raises TidegateError unless all of them exist now.

    Dagster itself launches whatever a run's tags say: no partition, a range that runs backwards, a day to come.
    """
    if keys is None:
        raise TidegateError(
            f"This run has no partition. Nothing was changed. Select one or more {cadence.noun} under Materialize."
        )
    existing = ended_partitions(home.settings, cadence, dt.datetime.now(dt.UTC))
    window = _window_between(*keys, cadence)
    if window and window.end > existing.end and cadence is Cadence.daily and home.has_open_day:
        existing = with_open_day(existing)
    if window is None or window.start < existing.start or window.end > existing.end:
        named = " to ".join(dict.fromkeys(keys))
        why = _why_not(window, existing, home.settings.zone)
        raise TidegateError(f"There is no {cadence} partition {named}: {why}")
    return window


def _why_not(window: Window | None, existing: Window, zone: Zone) -> str:
    cadence = existing.cadence
    if window is None:
        return (
            f"partitions are {cadence.noun}, written as {existing.start}, the first of a range first. "
            "Nothing was changed."
        )
    if window.start < existing.start:
        return (
            f"it is before the first partition, {existing.start}. Nothing was changed. Choose {existing.start} or "
            "later, or set TIDEGATE_START_DATE to an earlier day; what is published stays as it is."
        )
    last_day = cadence.days_about(window.last).last
    return (
        f"{last_day} has not ended yet, today is {zone.today()} ({zone.name}). Nothing was changed. "
        f"Choose earlier {cadence.noun}."
    )


def partition_tags(window: Window) -> dict[str, str]:
    """The tags by which Dagster knows a run's partitions: one for a single day, two for a range."""
    first, last = str(window.start), str(window.last)
    if first == last:
        return {PARTITION_TAG: first}
    return {FIRST_PARTITION_TAG: first, LAST_PARTITION_TAG: last}


def window_of_tags(tags: Mapping[str, str], cadence: Cadence = Cadence.daily) -> Window:
    """The partitions that a run with these tags is for; none when it is for no partition.

    Anybody may have launched it, with any tags: what names no partition is for none.
    """
    keys = keys_of_tags(tags)
    return (_window_between(*keys, cadence) if keys else None) or NO_DAYS


def keys_of_tags(tags: Mapping[str, str]) -> tuple[str, str] | None:
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
