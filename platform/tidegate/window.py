"""Which partitions a piece of work is for, as half-open windows `[start, end)` of days or of Mondays.

Everything that turns partition keys into dates lives here. Reading or writing data does not.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

ONE_DAY = dt.timedelta(days=1)
ONE_WEEK = dt.timedelta(days=7)


class Cadence(StrEnum):
    """How often a mart has a partition: every day, or every Monday."""

    daily = "daily"
    weekly = "weekly"

    @property
    def noun(self) -> str:
        """What its partitions are called, several of them."""
        return "Mondays" if self is Cadence.weekly else "days"

    def counted(self, partitions: int) -> str:
        """`1 day`, `2 days`."""
        return f"{partitions:,} {self.noun if partitions != 1 else self.noun.removesuffix('s')}"

    @property
    def step(self) -> dt.timedelta:
        """From one partition to the next."""
        return ONE_WEEK if self is Cadence.weekly else ONE_DAY

    def among(self, days: Window) -> Window:
        """The partitions of this cadence on `days`: all of them, or the Mondays. Empty when there is none."""
        start = days.start
        if self is Cadence.weekly:
            start += ONE_DAY * (-start.weekday() % 7)
        partitions = -((start - days.end) // self.step)
        return Window(start, start + self.step * max(partitions, 0), self)


@dataclass(frozen=True, order=True)
class Window:
    """The partitions from `start` up to, and without, `end`: days, each UTC, or Mondays."""

    start: dt.date
    end: dt.date
    cadence: Cadence = Cadence.daily

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"a window cannot end ({self.end}) before it starts ({self.start})")
        if self.cadence is Cadence.weekly and (self.start.weekday() or self.end.weekday()):
            raise ValueError(f"a window of weeks goes from Monday to Monday, not from {self.start} to {self.end}")

    @classmethod
    def of_day(cls, day: dt.date, cadence: Cadence = Cadence.daily) -> Window:
        return cls(day, day + cadence.step, cadence)

    @classmethod
    def of_keys(cls, first: str, last: str, cadence: Cadence = Cadence.daily) -> Window:
        """The window of the partition keys `first` to `last`, both included. Raises ValueError where there is none."""
        start, newest = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
        if newest < start:
            raise ValueError(f"a range of partitions cannot end ({last}) before it starts ({first})")
        return cls(start, newest + cadence.step, cadence)

    @property
    def days(self) -> list[dt.date]:
        """The days that the partitions are named by."""
        return [self.start + self.cadence.step * i for i in range((self.end - self.start) // self.cadence.step)]

    @property
    def last(self) -> dt.date:
        """The last partition's day; the one before `start` when there is none."""
        return self.end - self.cadence.step

    def chunks(self, size: int) -> Iterator[Window]:
        """The window cut into consecutive windows of at most `size` partitions."""
        start = self.start
        while start < self.end:
            end = min(start + self.cadence.step * size, self.end)
            yield Window(start, end, self.cadence)
            start = end

    def halves(self) -> tuple[Window, Window]:
        middle = self.start + self.cadence.step * (len(self.days) // 2)
        return Window(self.start, middle, self.cadence), Window(middle, self.end, self.cadence)

    def __contains__(self, day: object) -> bool:
        if not isinstance(day, dt.date) or not self.start <= day < self.end:
            return False
        return self.cadence is Cadence.daily or day.weekday() == 0

    def __str__(self) -> str:
        return str(self.start) if self.start == self.last else f"{self.start}..{self.last}"


def windows_of(days: Iterable[dt.date], cadence: Cadence = Cadence.daily) -> list[Window]:
    """The fewest windows that hold exactly `days`, in order."""
    windows: list[Window] = []
    for day in sorted(set(days)):
        if windows and windows[-1].end == day:
            windows[-1] = Window(windows[-1].start, day + cadence.step, cadence)
        else:
            windows.append(Window.of_day(day, cadence))
    return windows
