"""How long ago something was, in a word or two."""

from __future__ import annotations

import datetime as dt

# A unit, how long it is, and from how many on it is the one that is used.
_UNITS = (
    ("days", dt.timedelta(days=1), 2),
    ("h", dt.timedelta(hours=1), 1),
    ("min", dt.timedelta(minutes=1), 1),
)


def ago(moment: dt.datetime, now: dt.datetime) -> str:
    """`12 s ago`, `3 min ago`, `2 h ago`, `5 days ago`; both moments have an offset, or neither has one."""
    return f"{age(now - moment)} ago"


def age(passed: dt.timedelta) -> str:
    """The greatest unit that fits, days from the second on. Clocks that disagree make nothing negative."""
    for unit, length, least in _UNITS:
        if passed >= least * length:
            return f"{passed // length} {unit}"
    return f"{max(int(passed.total_seconds()), 0)} s"
