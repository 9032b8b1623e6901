"""Which days a piece of work is for, as half-open windows `[start, end)`.

Everything that turns partition keys into dates lives here. Reading or writing data does not.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, order=True)
class Window:
    """The days from `start` up to, and without, `end`. A day is UTC."""

    start: dt.date
    end: dt.date

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"a window cannot end ({self.end}) before it starts ({self.start})")

    @classmethod
    def of_day(cls, day: dt.date) -> Window:
        return cls(day, day + ONE_DAY)

    @classmethod
    def of_keys(cls, first: str, last: str) -> Window:
        """The window of the partition keys `first` to `last`, both included."""
        return cls(dt.date.fromisoformat(first), dt.date.fromisoformat(last) + ONE_DAY)

    @property
    def days(self) -> list[dt.date]:
        return [self.start + ONE_DAY * i for i in range((self.end - self.start).days)]

    def chunks(self, size: int) -> Iterator[Window]:
        """The window cut into consecutive windows of at most `size` days."""
        start = self.start
        while start < self.end:
            end = min(start + ONE_DAY * size, self.end)
            yield Window(start, end)
            start = end

    def halves(self) -> tuple[Window, Window]:
        middle = self.start + ONE_DAY * (len(self.days) // 2)
        return Window(self.start, middle), Window(middle, self.end)

    def __contains__(self, day: object) -> bool:
        return isinstance(day, dt.date) and self.start <= day < self.end

    def __str__(self) -> str:
        last = self.end - ONE_DAY
        return str(self.start) if self.start == last else f"{self.start}..{last}"


def windows_of(days: list[dt.date]) -> list[Window]:
    """The fewest windows that hold exactly `days`, in order."""
    windows: list[Window] = []
    for day in sorted(set(days)):
        if windows and windows[-1].end == day:
            windows[-1] = Window(windows[-1].start, day + ONE_DAY)
        else:
            windows.append(Window.of_day(day))
    return windows
