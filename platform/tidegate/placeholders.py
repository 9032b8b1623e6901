"""Where the day goes in what a source is asked: `{day}`, `{start}` and `{end}`, each with a way to write it if need be.

    {day}                      2024-01-05
    {day:%Y/%m/%d}             2024/01/05
    {start}, {end}             the day's first moment and the next day's, as the kind of source writes them
    {start:epoch}              1704412800; epoch_ms counts milliseconds
    {end:%Y-%m-%dT%H:%M:%SZ}   2024-01-06T00:00:00Z

Which moments these are is for the platform's time zone to say, and by which clock they are written for the region's.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass

from tidegate.window import ONE_DAY
from tidegate.zones import UTC, Zone

_HOLE = re.compile(r"\{(day|start|end)(?::([^{}]+))?\}")
# What strftime writes alike on every machine.
_WAY = re.compile(r"(?:[^%]|%[YymdHMSfjbBpIzGVu%])+")
_OF_MOMENTS = ("epoch", "epoch_ms")


def _as_it_is(written: str, is_number: bool) -> str:
    return written


@dataclass(frozen=True)
class Moments:
    """The moments of days that begin by `days`, written by `clock`."""

    clock: Zone = UTC
    days: Zone = UTC

    def begin_of(self, day: dt.date) -> dt.datetime:
        """What the clock shows when the day begins, without an offset."""
        return self.clock.shown_at(self.days.at(day))

    def fill(
        self, text: str, day: dt.date, plain: Callable[[dt.datetime], str], put: Callable[[str, bool], str] = _as_it_is
    ) -> str:
        """The text with the day in its holes. `plain` writes a moment, which has an offset, where the text does not
        say how; `put` makes of what is written, and of whether it is a number, what may stand there."""

        def written(hole: re.Match[str]) -> str:
            name, way = hole[1], hole[2]
            if name == "day":
                return day.strftime(way) if way else day.isoformat()
            moment = self._moment(day + ONE_DAY if name == "end" else day)
            return _by(way, moment) if way else plain(moment)

        return _HOLE.sub(lambda hole: put(written(hole), hole[2] in _OF_MOMENTS), text)

    def bounds_of(self, day: dt.date) -> tuple[dt.datetime, dt.datetime]:
        """The day's first moment and the next day's, as the clock shows them, with its offset."""
        return self._moment(day), self._moment(day + ONE_DAY)

    def _moment(self, day: dt.date) -> dt.datetime:
        moment = self.days.at(day)
        shown = self.clock.shown_at(moment)
        return shown.replace(tzinfo=dt.timezone(shown - moment.replace(tzinfo=None)))


UTC_DAYS = Moments()


def holes_in(text: str) -> set[str]:
    """The names of the holes of a text."""
    return {hole[1] for hole in _HOLE.finditer(text)}


def wrong_hole(text: str) -> str | None:
    """Something in braces that is none of the holes, or is to be written in a way that is none; None if all is well."""
    for hole in _HOLE.finditer(text):
        if not _can_be_written(hole[1], hole[2]):
            return hole[0]
    rest = re.search(r"\{[^{}]*\}?|\}", _HOLE.sub("", text))
    return rest[0] if rest else None


def _can_be_written(name: str, way: str | None) -> bool:
    if way is None or way in _OF_MOMENTS:
        return way is None or name != "day"
    return _WAY.fullmatch(way) is not None


def _by(way: str, moment: dt.datetime) -> str:
    match way:
        case "epoch":
            return str(int(moment.timestamp()))
        case "epoch_ms":
            return str(int(moment.timestamp()) * 1000)
    return moment.strftime(way)


def with_offset(moment: dt.datetime) -> str:
    """`2024-01-05T00:00:00Z`, or with the offset of a clock that is not UTC's."""
    return moment.isoformat().replace("+00:00", "Z")


def without_offset(moment: dt.datetime) -> str:
    """`2024-01-05 00:00:00`, as databases read it."""
    return moment.replace(tzinfo=None).isoformat(" ")
