"""Paths with a day in them, as files are really named: `orders_{day:%Y%m%d}*.csv`, `year={day:%Y}/month={day:%m}/...`.

    {day}             2024-01-05
    {day:%Y%m%d}      20240105; %Y, %y, %m, %b, %d and %j may stand in any of the holes
    * and ?           any characters of a name, and any one

All holes together name one day. Those that name a month name its last day: of a whole month nothing can come before.
Listing what stands there belongs to `sources.dropped`.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

_HOLE = re.compile(r"\{day(?::([^{}]*))?\}")
_ISO = "%Y-%m-%d"
_TWO = "[0-9]{2}"
_LETTERS: Mapping[str, str] = {
    "Y": "[0-9]{4}",
    "y": _TWO,
    "m": _TWO,
    "d": _TWO,
    "j": "[0-9]{3}",
    "b": "[A-Za-z]{3}",
}
_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name}
_WILDCARDS = {"*": "[^/]*", "?": "[^/]"}


class WrongPathError(ValueError):
    """A path in which no day can be told. The message says why and reads on from the path."""


@dataclass(frozen=True)
class DayPath:
    """A path below a storage, whose parts are separated by `/`. Made by `of`, which checks it."""

    text: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Raises WrongPathError."""
        path = cls(text)
        codes = {code for hole in _HOLE.finditer(text) for code in _codes(hole[1])}
        if not codes:
            raise WrongPathError("does not say where the day stands")
        has_year = bool(codes & {"Y", "y"})
        has_day = bool(codes & {"m", "b"}) or "j" in codes
        if not (has_year and has_day):
            raise WrongPathError(f"names no day by {', '.join('%' + code for code in sorted(codes))}")
        return path

    @property
    def is_of_months(self) -> bool:
        """Whether it names months, each delivered as of its last day."""
        codes = {code for hole in _HOLE.finditer(self.text) for code in _codes(hole[1])}
        return not codes & {"d", "j"}

    @cached_property
    def segments(self) -> tuple[str, ...]:
        # No hole is in two segments, though what is written into it may have a `/`.
        return tuple(_HOLE.sub(lambda hole: _spread(hole[1]), self.text).split("/"))

    @property
    def names_files(self) -> bool:
        """Whether files are named, in folders that other days share. A name without an end such as `.csv`, and without
        a wildcard, is a folder's."""
        last = _HOLE.sub("", self.segments[-1])
        return "*" in last or "?" in last or re.search(r"\.[A-Za-z][A-Za-z0-9]*$", last) is not None

    @property
    def has_wildcards(self) -> bool:
        return any(mark in self.text for mark in _WILDCARDS)

    def at(self, day: dt.date) -> str:
        """The path of one day; its wildcards stay."""
        return _HOLE.sub(lambda hole: day.strftime(hole[1] or _ISO), self.text)

    def day_in(self, name: str) -> dt.date | None:
        """The day that a name below the storage is of, if it is one of this path's."""
        pattern, codes = self._compiled
        found = pattern.fullmatch(name)
        if found is None:
            return None
        day = _day_of(dict(zip(reversed(codes), reversed(found.groups()), strict=True)))
        # What stands there twice must be of one day.
        is_one = day and all(day.strftime(f"%{code}") == text for code, text in zip(codes, found.groups(), strict=True))
        return day if is_one else None

    def parts(self, day: dt.date | None = None) -> Iterator[tuple[str, re.Pattern[str] | None]]:
        """Of each segment what names in it begin with, and what they match; None where there is one name alone."""
        for segment in self.at(day).split("/") if day else self.segments:
            begins = re.split(r"[*?{]", segment, maxsplit=1)[0]
            yield begins, None if begins == segment else re.compile(_regex(segment)[0])

    @cached_property
    def _compiled(self) -> tuple[re.Pattern[str], list[str]]:
        pattern, codes = _regex(self.text)
        return re.compile(pattern), codes


def pattern_of(text: str) -> str:
    """A regular expression of a path without holes."""
    return _regex(text)[0]


def _spread(way: str | None) -> str:
    """A hole as one hole for each of its parts, between which there may be a `/`."""
    if not way or "/" not in way:
        return f"{{day:{way or _ISO}}}"
    return "/".join(f"{{day:{part}}}" for part in way.split("/"))


def _codes(way: str | None) -> list[str]:
    """The letters of a way to write a day. Raises WrongPathError for those that cannot be read back."""
    codes = re.findall(r"%(.?)", way if way is not None else _ISO)
    wrong = next((code for code in codes if code not in _LETTERS), None)
    if wrong is not None or not codes:
        raise WrongPathError(f"has a day written as '{way}', where only %Y, %y, %m, %b, %d and %j can be read")
    return codes


def _regex(text: str) -> tuple[str, list[str]]:
    """A regular expression of a path, and the letter of each of its groups."""
    written, codes, at = "", [], 0
    for hole in _HOLE.finditer(text):
        written += _plain(text[at : hole.start()])
        for literal, code in re.findall(r"([^%]*)(?:%(.))?", hole[1] or _ISO):
            written += re.escape(literal) + (f"({_LETTERS[code]})" if code else "")
            codes += [code] if code else []
        at = hole.end()
    return written + _plain(text[at:]), codes


def _plain(text: str) -> str:
    return "".join(_WILDCARDS.get(character) or re.escape(character) for character in text)


def _day_of(parts: Mapping[str, str]) -> dt.date | None:
    """The day of what is written for each letter; None for what is no day."""
    try:
        year = int(parts["Y"]) if "Y" in parts else 2000 + int(parts["y"])
        if "j" in parts:
            return dt.date(year, 1, 1) + dt.timedelta(days=int(parts["j"]) - 1)
        month = int(parts["m"]) if "m" in parts else _MONTHS[parts["b"].lower()]
        if "d" in parts:
            return dt.date(year, month, int(parts["d"]))
        return dt.date(year, month, calendar.monthrange(year, month)[1])
    except (ValueError, KeyError, OverflowError):
        return None
