"""Deliveries from another home: what it shows of a mart's day, whole, by content hash.

A day is there while that home publishes it, and another one when its content is: a restatement or a rollback there is
a changed delivery here. What it holds back, or owes, is never taken; where its lake can be read, it says why. How the
rows are found is in `exports` and `lake`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Protocol

from tidegate.archive.archive import Archive
from tidegate.archive.manifest import Captured, CapturedFile
from tidegate.errors import IncompleteError
from tidegate.sources.origin import Arrival


@dataclass(frozen=True)
class Shown:
    """What the other home shows of a day by now: a hash over its rows, and when it came there (UTC)."""

    day: dt.date
    content: str
    changed_at: dt.datetime


class Upstream(Protocol):
    """A mart of another home, as it is published. Everything raises SourceDownError where the home cannot be read, and
    TidegateError where it is not what it should be."""

    is_far: bool

    def describe(self, day: dt.date) -> str: ...

    def shown(self) -> Iterator[Shown]:
        """Every day that is published."""
        ...

    def shown_of(self, day: dt.date) -> Shown | None: ...

    def copy(self, archive: Archive, day: dt.date) -> CapturedFile | None:
        """Keep the day's rows, checked against what the home says of them; None for a day that is not published."""
        ...


class States(Protocol):
    """What another home says of days that it does not publish."""

    def why_not(self, day: dt.date) -> str | None: ...


@dataclass(frozen=True)
class ProductOrigin:
    """Where a region's days come from. `states` says why one is not there, where that can be told."""

    region: str
    upstream: Upstream
    states: States | None = None

    @property
    def is_far(self) -> bool:
        return self.upstream.is_far

    def describe(self, day: dt.date) -> str:
        return self.upstream.describe(day)

    def capture(self, archive: Archive, source: str, day: dt.date) -> Captured | None:
        if file := self.upstream.copy(archive, day):
            return archive.enter(source, self.region, day, [file])
        if why := self.why_not_there(day):
            raise IncompleteError(f"{why} What was loaded before stays; it is loaded when it is published there.")
        return None

    def arrivals(self, days: Collection[dt.date] | None = None) -> Iterator[Arrival]:
        return (self._arrival(shown) for shown in self.upstream.shown() if days is None or shown.day in days)

    def arrival(self, day: dt.date) -> Arrival | None:
        shown = self.upstream.shown_of(day)
        return self._arrival(shown) if shown else None

    def why_not_there(self, day: dt.date) -> str | None:
        """What the other home says of a day that it does not publish."""
        why = self.states.why_not(day) if self.states else None
        return f"{self.region}: day {day} {why}" if why else None

    def _arrival(self, shown: Shown) -> Arrival:
        return Arrival(self.region, shown.day, shown.changed_at, complete=True, fingerprint=shown.content)
