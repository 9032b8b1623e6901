"""One word for how a home stands, for people in a hurry and for cron: is all published that should be?"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from tidegate.window import Cadence, named

if TYPE_CHECKING:
    from tidegate.cli.read_status import Status
    from tidegate.orchestration.history.breaker import Breaker

# So many windows are named.
NAMED = 3


class Standing(IntEnum):
    """How it stands, worse from top to bottom; the exit codes of `tidegate status --check`."""

    good = 0
    held = 3
    failing = 4
    late = 5


@dataclass(frozen=True)
class Verdict:
    """The worst of what stands, and a sentence for each thing that is so."""

    standing: Standing
    sentences: tuple[str, ...]


def verdict_of(status: Status, breakers: Mapping[str, Breaker]) -> Verdict:
    """What is late, which sources fail, and what is held; where none of it is, until when everything is published."""
    found = [*_late(status), *_failing(breakers), *_held(status)]
    if not found:
        return Verdict(Standing.good, (_good(status),))
    return Verdict(max(standing for standing, _ in found), tuple(sentence for _, sentence in found))


def _late(status: Status) -> Iterator[tuple[Standing, str]]:
    for product in status.products:
        for each in product.published:
            if each.overdue:
                when = f"{status.zone.shown_at(each.overdue.deadline):%Y-%m-%d %H:%M}"
                yield (
                    Standing.late,
                    f"Late: {product.name}, the {each.overdue.cadence.singular} {each.overdue.partition}, promised by "
                    f"{when} ({status.zone.name}).",
                )


def _failing(breakers: Mapping[str, Breaker]) -> Iterator[tuple[Standing, str]]:
    if breakers:
        yield Standing.failing, f"Failing: {', '.join(sorted(breakers))}."


def _held(status: Status) -> Iterator[tuple[Standing, str]]:
    held = {Cadence.daily: status.held, **{period.cadence: period.held for period in status.periods}}
    for cadence, partitions in held.items():
        if partitions:
            which = f"{cadence.counted(len(partitions))} ({named(sorted(partitions), cadence, NAMED)})"
            yield Standing.held, f"Held: {which}."


def _good(status: Status) -> str:
    until = {
        product.name: max((each.newest for each in product.published if each.newest), default=None)
        for product in status.products
    }
    if not any(until.values()):
        return "Good: nothing is late or held, and nothing is published yet."
    shown = ", ".join(f"{name} until {newest}" for name, newest in until.items() if newest)
    return f"Good: nothing is late or held. Published: {shown}."


def as_plain(value: Any) -> Any:
    """The value as JSON can hold it: names in place of enumerations, days as text, keys of several parts as one."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {_key(key): as_plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_plain(each) for each in value]
    if isinstance(value, IntEnum):
        return value.name
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _key(key: object) -> str:
    return " ".join(map(str, key)) if isinstance(key, tuple) else str(key)
