"""Days that a person asks for, as text."""

from __future__ import annotations

import datetime as dt

from tidegate.errors import TidegateError
from tidegate.window import ONE_DAY, Window

LAST_DAY = dt.date.max - ONE_DAY


def day_of(text: str) -> dt.date:
    """The day that somebody typed. Raises TidegateError for what is none."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise TidegateError(f"{text!r} is not a day. Write it as 2024-01-31.") from None


def window_of(first: str | None, last: str | None) -> Window | None:
    """The days from `first` to `last`, both included; without one of them, all before or after; None without both."""
    if first is None and last is None:
        return None
    return window_between(day_of(first) if first else dt.date.min, day_of(last) if last else LAST_DAY)


def window_between(first: dt.date, last: dt.date) -> Window:
    """The days from `first` to `last`, both included. Raises TidegateError where there are none."""
    if last < first:
        raise TidegateError(f"Days cannot end ({last}) before they start ({first}). Swap them.")
    return Window(first, min(last, LAST_DAY) + ONE_DAY)
