"""A zone whose day began hours ago and will not end while the tests run, for those that mean today's day."""

from __future__ import annotations

import datetime as dt

from tidegate.window import ONE_DAY
from tidegate.zones import Zone

_NOW = dt.datetime.now(dt.UTC)
_MORNING = 9


def _where_it_is_morning() -> str:
    """One of the zones that are whole hours ahead of UTC, up to 14, or behind it, up to 11; POSIX turns their signs."""
    ahead = (_MORNING - _NOW.hour + 11) % 24 - 11
    return f"Etc/GMT{-ahead:+d}" if ahead else "UTC"


ZONE = _where_it_is_morning()
TODAY = Zone(ZONE).day_of(_NOW)


def days_ago(days: int) -> dt.date:
    return TODAY - ONE_DAY * days


def at(day: dt.date, time: dt.time = dt.time()) -> dt.datetime:
    return Zone(ZONE).at(day, time)
