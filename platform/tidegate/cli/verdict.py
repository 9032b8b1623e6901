"""One word for how a home stands, for people in a hurry and for cron: is all published that should be?"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from tidegate.alerting.find_platform import SILENCE
from tidegate.cli.ages import ago
from tidegate.cli.exit_codes import LOOK
from tidegate.window import Cadence, windows_of

if TYPE_CHECKING:
    from tidegate.cli.read_status import Status
    from tidegate.orchestration.history.breaker import Breaker
    from tidegate.publishing.promises import Overdue

# So many windows, and products, are named.
NAMED = 3


class Standing(IntEnum):
    """How it stands, worse from top to bottom; the exit codes of `tidegate status --check`."""

    good = 0
    held = LOOK
    broken = 4
    late = 5


@dataclass(frozen=True)
class Verdict:
    """The worst of what stands, and a sentence for each thing that is so."""

    standing: Standing
    sentences: tuple[str, ...]


def verdict_of(status: Status, breakers: Mapping[str, Breaker]) -> Verdict:
    """What is late, broken and held, and until when what is published."""
    found = [*_late(status), *_broken(status, breakers), *_held(status)]
    standing = max((standing for standing, _ in found), default=Standing.good)
    said = [sentence for _, sentence in found] or ["Good: nothing is late or held."]
    return Verdict(standing, (*said, _published(status)))


def _late(status: Status) -> Iterator[tuple[Standing, str]]:
    alike: dict[Overdue, list[str]] = {}
    for product in status.products:
        for each in product.published:
            if each.overdue:
                alike.setdefault(each.overdue, []).append(product.name)
    newest_first = sorted(alike, key=lambda overdue: overdue.deadline, reverse=True)
    said = [_promised(overdue, alike[overdue], status) for overdue in newest_first[:NAMED]]
    if len(newest_first) > NAMED:
        said.append(f"and {sum(len(alike[overdue]) for overdue in newest_first[NAMED:])} more")
    if said:
        yield Standing.late, f"Late: {'; '.join(said)}."


def _promised(overdue: Overdue, products: Sequence[str], status: Status) -> str:
    when = f"{status.zone.shown_at(overdue.deadline):%Y-%m-%d %H:%M} ({status.zone.name})"
    passed = ago(overdue.deadline, status.now)
    return f"the {overdue.cadence.singular} {overdue.partition} of {names(products)}, promised by {when}, {passed}"


def _broken(status: Status, breakers: Mapping[str, Breaker]) -> Iterator[tuple[Standing, str]]:
    if breakers:
        yield Standing.broken, f"Broken: the sources {names(sorted(breakers))} fail."
    seen = status.daemon_seen_at
    if status.unattended and seen is not None and status.now - seen > SILENCE:
        yield (
            Standing.broken,
            f"Broken: the daemon was last seen {ago(seen, status.now)}; nothing is loaded or built meanwhile.",
        )


def _held(status: Status) -> Iterator[tuple[Standing, str]]:
    held = {Cadence.daily: status.held, **{period.cadence: period.held for period in status.periods}}
    counted = [
        f"{cadence.counted(len(partitions))} ({newest_named(partitions, cadence)})"
        for cadence, partitions in held.items()
        if partitions
    ]
    if counted:
        yield Standing.held, f"Held: {', '.join(counted)}."


def newest_named(partitions: Iterable[dt.date], cadence: Cadence, most: int = NAMED) -> str:
    """The newest partitions as windows, newest first, and how many older windows there are."""
    windows = windows_of(partitions, cadence)[::-1]
    more = f" and {len(windows) - most} more" if len(windows) > most else ""
    return ", ".join(map(str, windows[:most])) + more


def names(of: Sequence[str], most: int = NAMED) -> str:
    """So many names, and how many more there are."""
    more = f" and {len(of) - most} more" if len(of) > most else ""
    return ", ".join(of[:most]) + more


def _published(status: Status) -> str:
    """The products by the newest partition of its shortest cadence that each shows."""
    until: dict[dt.date, list[str]] = {}
    for product in status.products:
        if newest := product.newest:
            until.setdefault(newest, []).append(product.name)
    if not until:
        return "Nothing is published yet."
    newest_first = sorted(until, reverse=True)
    said = [f"until {day}: {names(until[day])}" for day in newest_first[:NAMED]]
    older = sum(len(until[day]) for day in newest_first[NAMED:])
    more = f"; {older} more until {newest_first[-1]} or later" if older else ""
    never = [product.name for product in status.products if not product.newest]
    return f"Published {'; '.join(said)}{more}{f'; never {names(never)}' if never else ''}."


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
