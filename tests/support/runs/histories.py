"""What histories of three days are made of: the events that files and runs bring about, and how they are drawn.

Each test adds events of its own, and says what each event does to its home.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Generic, TypeVar

from hypothesis import strategies as st
from tests.support.runs.home import FIRST_DAY

from tidegate.window import ONE_DAY, Cadence, Window

DAYS = [FIRST_DAY + ONE_DAY * i for i in range(3)]
WHOLE = Window(DAYS[0], DAYS[-1] + ONE_DAY)

# A Friday to a Sunday: all of them are in the window of the Monday after them.
MONDAY = Window.of_day(WHOLE.end, Cadence.weekly)

Row = TypeVar("Row")


@dataclass(frozen=True)
class Deliver(Generic[Row]):
    """A file arrives, or a corrected one takes its place; without rows it has only its header."""

    day: dt.date
    place: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Spoil:
    """A file is replaced by one that any contract rejects."""

    day: dt.date
    place: str


@dataclass(frozen=True)
class Purge:
    """Landing forgets a day that was captured."""

    day: dt.date


@dataclass(frozen=True)
class Run:
    """These days are run one by one, in this order, restating after each what it touched, or after none."""

    days: tuple[dt.date, ...]
    restating: bool


@dataclass(frozen=True)
class Backfill:
    """A range is run in one go."""

    window: Window


days = st.sampled_from(DAYS)
windows = st.tuples(days, days).map(lambda ends: Window(min(ends), max(ends) + ONE_DAY))
some_days = st.lists(days, min_size=1, max_size=2, unique=True) | st.just(DAYS[::-1])
runs = st.builds(Run, some_days.map(tuple), st.booleans())
