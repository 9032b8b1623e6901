"""What holds partitions, each cause once: the same sentence about other days, figures or regions is the same cause."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tidegate.window import Cadence

# Counts, days, and the ids of runs and builds differ from day to day, and the cause does not.
_DIFFERS = re.compile(r"\S*\d\S*")

# What begins with one of these and a slash is a table, and no region of a source.
_SCHEMAS = frozenset({"raw", "staging", "intermediate", "marts", "serving", "ops"})


@dataclass(frozen=True)
class Cause:
    """Why partitions are held. The sentence is that of the newest partition, about all the regions it is true of;
    `products` are those that it holds, "" where there is one."""

    cadence: Cadence
    products: str
    days: tuple[dt.date, ...]
    sentence: str

    @property
    def newest(self) -> dt.date:
        return self.days[-1]

    @property
    def in_short(self) -> str:
        """Its first sentence."""
        first, dot, _ = self.sentence.partition(". ")
        return first + "." if dot else first


@dataclass(frozen=True)
class _Reason:
    products: str
    subject: str
    rest: str

    @classmethod
    def of(cls, text: str, day: dt.date) -> _Reason:
        """A sentence of the gate: `products: subject day: what`, or without products, or without a day."""
        before, found, rest = text.partition(f" {day}")
        if not found:
            return cls("", "", text)
        products, colon, subject = before.rpartition(": ")
        return cls(products, subject, rest) if colon else cls("", before, rest)

    @property
    def kind(self) -> str:
        return _DIFFERS.sub("#", self.rest)


def causes_of(held: Mapping[dt.date, Iterable[str]], cadence: Cadence = Cadence.daily) -> list[Cause]:
    """The causes, the newest first, and of these the one of most partitions."""
    alike: dict[tuple[str, str, str], dict[dt.date, _Reason]] = {}
    for day, texts in held.items():
        for text in texts:
            reason = _Reason.of(text, day)
            alike.setdefault((reason.products, reason.subject, reason.kind), {})[day] = reason
    joined: dict[tuple[str, str, str, tuple[dt.date, ...]], list[tuple[str, str]]] = {}
    for (products, subject, kind), of_days in alike.items():
        source, region = _source_and_region(subject)
        days = tuple(sorted(of_days))
        joined.setdefault((products, source, kind, days), []).append((region, of_days[days[-1]].rest))
    causes = [
        Cause(cadence, products, days, (_named(source, [region for region, _ in regions]) + regions[-1][1]).strip())
        for (products, source, _, days), regions in joined.items()
    ]
    return sorted(causes, key=lambda cause: (-cause.newest.toordinal(), -len(cause.days), cause.sentence))


def _source_and_region(subject: str) -> tuple[str, str]:
    source, slash, region = subject.partition("/")
    return (source, region) if slash and source not in _SCHEMAS and "," not in subject else (subject, "")


def _named(source: str, regions: Sequence[str]) -> str:
    if regions == [""]:
        return source
    return f"{source}/{regions[0]}" if len(regions) == 1 else f"{source}/{{{', '.join(sorted(regions))}}}"
