"""Which partitions a piece of work is for, as half-open windows `[start, end)` of days, Mondays or months.

Everything that turns partition keys into dates lives here. Reading or writing data does not.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

ONE_DAY = dt.timedelta(days=1)
ONE_WEEK = dt.timedelta(days=7)

# How a day is written in names.
A_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def day_named(text: str) -> dt.date | None:
    """The day that a name is, if it is one."""
    try:
        return dt.date.fromisoformat(text) if A_DAY.fullmatch(text) else None
    except ValueError:
        return None


@dataclass(frozen=True)
class Length:
    """A span of whole months and days."""

    months: int = 0
    days: int = 0

    def times(self, factor: int) -> Length:
        return Length(self.months * factor, self.days * factor)


@dataclass(frozen=True)
class _Calendar:
    """What there is to know of a cadence.

    Its partitions are numbered without gaps: `number` is that of the partition that a day lies in, `first_day` the
    other way round. `shift` is how many partitions the days that one is about lie after its own.
    """

    singular: str
    plural: str
    number: Callable[[dt.date], int]
    first_day: Callable[[int], dt.date]
    shift: int
    # The last three fields of a cron schedule of its first days.
    cron: str
    # Of its shortest partition.
    days: int
    # How long a partition is, in months or in days.
    length: Length


class Cadence(StrEnum):
    """How often a mart has a partition. A partition is named by its first day."""

    daily = "daily"
    # Named by its day and about the day before it: what is known when the day begins.
    morning = "morning"
    # Named by its Monday and about the days before it: what is known when the week begins.
    weekly = "weekly"
    # Named by its first day and about the days of the month.
    monthly = "monthly"

    @property
    def noun(self) -> str:
        """What its partitions are called, several of them."""
        return _CALENDARS[self].plural

    @property
    def singular(self) -> str:
        """What one of its partitions is called."""
        return _CALENDARS[self].singular

    def counted(self, partitions: int) -> str:
        """`1 day`, `2 days`."""
        return f"{partitions:,} {self.singular if partitions == 1 else self.noun}"

    def option(self, partition: dt.date) -> str:
        """How commands are given one of its partitions."""
        return f"{'' if self is Cadence.daily else f'--cadence {self} '}--partition {partition}"

    def prefixed(self, name: str) -> str:
        """The name of this cadence's own `name`: for days, the name itself."""
        return name if self is Cadence.daily else f"{self}_{name}"

    def cron(self, hour: int, minute: int = 0) -> str:
        """The schedule of this time of every partition's first day."""
        return f"{minute} {hour} {_CALENDARS[self].cron}"

    def partition_of(self, day: dt.date) -> dt.date:
        """The partition that a day lies in."""
        return self.after(day, 0)

    def after(self, day: dt.date, partitions: int) -> dt.date:
        """The partition so many after the one that a day lies in; before it, where `partitions` is negative."""
        calendar = _CALENDARS[self]
        return calendar.first_day(calendar.number(day) + partitions)

    def between(self, start: dt.date, end: dt.date) -> int:
        """How many partitions begin in `[start, end)`, where both are partitions."""
        return _CALENDARS[self].number(end) - _CALENDARS[self].number(start)

    def among(self, days: Window) -> Window:
        """The partitions that begin on `days`. Empty when there is none."""
        start, end = (self.after(day - ONE_DAY, 1) if day > dt.date.min else day for day in (days.start, days.end))
        return Window(start, end, self)

    def days_about(self, partition: dt.date, reach: int = 0) -> Window:
        """The days that a partition is about, and before its first day so many as it reaches back."""
        shift = _CALENDARS[self].shift
        first = min(self.after(partition, shift), partition - ONE_DAY * reach)
        return Window(first, self.after(partition, shift + 1))

    def begins_before(self, reach: int = 0) -> int:
        """How many days before its own a partition's first day lies, of those that it is about or reaches back to."""
        calendar = _CALENDARS[self]
        return max(-calendar.shift * calendar.days, reach)

    @property
    def ends_after(self) -> Length:
        """How long after its own day the days end that a partition is about."""
        calendar = _CALENDARS[self]
        return calendar.length.times(calendar.shift + 1)

    def ended_on(self, days: Window) -> Window:
        """The partitions whose days end just before one of `days`: a Monday's, on the Monday."""
        begun, shift = self.among(days), -_CALENDARS[self].shift - 1
        return Window(self.after(begun.start, shift), self.after(begun.end, shift), self)

    def about(self, day: dt.date) -> dt.date:
        """The partition that is about a day."""
        return self.after(day, -_CALENDARS[self].shift)

    def offsets(self, reach: int) -> tuple[int, int]:
        """How many partitions before its own, and up to which, those lie that hold the days that one is made of."""
        calendar = _CALENDARS[self]
        return min(calendar.shift, -math.ceil(reach / calendar.days)), calendar.shift


_CALENDARS = {
    Cadence.daily: _Calendar("day", "days", dt.date.toordinal, dt.date.fromordinal, 0, "* * *", 1, Length(days=1)),
    Cadence.morning: _Calendar(
        "morning", "mornings", dt.date.toordinal, dt.date.fromordinal, -1, "* * *", 1, Length(days=1)
    ),
    Cadence.weekly: _Calendar(
        "Monday",
        "Mondays",
        # The first day of the first year was a Monday, and its ordinal is 1.
        lambda day: (day.toordinal() - 1) // 7,
        lambda number: dt.date.fromordinal(number * 7 + 1),
        -1,
        "* * 1",
        7,
        Length(days=7),
    ),
    Cadence.monthly: _Calendar(
        "month",
        "months",
        lambda day: day.year * 12 + day.month - 1,
        lambda number: dt.date(number // 12, number % 12 + 1, 1),
        0,
        "1 * *",
        28,
        Length(months=1),
    ),
}


@dataclass(frozen=True, order=True)
class Window:
    """The partitions from `start` up to, and without, `end`."""

    start: dt.date
    end: dt.date
    cadence: Cadence = Cadence.daily

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"a window cannot end ({self.end}) before it starts ({self.start})")
        if any(self.cadence.partition_of(day) != day for day in (self.start, self.end)):
            raise ValueError(f"a window of {self.cadence.noun} cannot go from {self.start} to {self.end}")

    @classmethod
    def of_day(cls, day: dt.date, cadence: Cadence = Cadence.daily) -> Window:
        return cls(day, cadence.after(day, 1), cadence)

    @classmethod
    def of_keys(cls, first: str, last: str, cadence: Cadence = Cadence.daily) -> Window:
        """The window of the partition keys `first` to `last`, both included. Raises ValueError where there is none."""
        start, newest = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
        if newest < start:
            raise ValueError(f"a range of partitions cannot end ({last}) before it starts ({first})")
        return cls(start, cadence.after(newest, 1), cadence)

    @property
    def days(self) -> list[dt.date]:
        """The days that the partitions are named by."""
        return [self.cadence.after(self.start, i) for i in range(self.cadence.between(self.start, self.end))]

    @property
    def has_every_day(self) -> bool:
        """Whether every day from `start` to `end` is a partition. Conditions of queries ask it of decades, so the days
        are counted and not listed."""
        return self.cadence.between(self.start, self.end) == (self.end - self.start).days

    @property
    def last(self) -> dt.date:
        """The last partition's day; the one before `start` when there is none."""
        return self.cadence.after(self.end, -1)

    def chunks(self, size: int) -> Iterator[Window]:
        """The window cut into consecutive windows of at most `size` partitions."""
        start = self.start
        while start < self.end:
            end = min(self.cadence.after(start, size), self.end)
            yield Window(start, end, self.cadence)
            start = end

    def halves(self) -> tuple[Window, Window]:
        middle = self.cadence.after(self.start, len(self.days) // 2)
        return Window(self.start, middle, self.cadence), Window(middle, self.end, self.cadence)

    def __contains__(self, day: object) -> bool:
        if not isinstance(day, dt.date) or not self.start <= day < self.end:
            return False
        return self.cadence.partition_of(day) == day

    def __str__(self) -> str:
        return str(self.start) if self.start == self.last else f"{self.start}..{self.last}"


def windows_of(days: Iterable[dt.date], cadence: Cadence = Cadence.daily) -> list[Window]:
    """The fewest windows that hold exactly `days`, in order."""
    windows: list[Window] = []
    for day in sorted(set(days)):
        if windows and windows[-1].end == day:
            windows[-1] = Window(windows[-1].start, cadence.after(day, 1), cadence)
        else:
            windows.append(Window.of_day(day, cadence))
    return windows


def windows_over(days: Iterable[dt.date], cadence: Cadence, size: int) -> Iterator[Window]:
    """Few windows that hold all `days`, the newest first, of at most `size` partitions each, others among them."""
    left = sorted(set(days), reverse=True)
    while left:
        last = left[0]
        inside = [day for day in left if day > cadence.after(last, -size)]
        yield Window(inside[-1], cadence.after(last, 1), cadence)
        left = left[len(inside) :]


# After so many it is plain which they are.
WINDOWS_NAMED = 3


def named(partitions: Iterable[dt.date], cadence: Cadence, most: int = WINDOWS_NAMED) -> str:
    """The partitions as windows, so many of them, and how many more there are."""
    windows = windows_of(partitions, cadence)
    more = [f"{len(windows) - most} more"] if len(windows) > most else []
    return ", ".join([*map(str, windows[:most]), *more])
