"""Which messages are a day's: a range of offsets of each partition of the topic, as the archive remembers it.

The ranges of a region's days lie end to end. A day begins where the newest day before it ends; it can be continued as
long as no later day was begun. What was read is in the archive with the messages, so that it outlives the ledger, the
topic and a run that was killed; nothing is kept at the broker.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from tidegate.archive.archive import Archive
from tidegate.archive.manifest import Captured, CapturedFile, manifest_name
from tidegate.errors import TidegateError
from tidegate.sources.kafka.schemas import SCHEMAS
from tidegate.window import ONE_DAY

# Beside the files with messages. It is no data.
OFFSETS = "offsets.json"


@dataclass(frozen=True)
class Progress:
    """How far a delivery got. `ends` is by partition the offset after its last message, `complete` holds the partitions
    in which the day is known to be over. `goes_on`: it was read before the day had ended."""

    ends: Mapping[int, int] = field(default_factory=dict)
    complete: frozenset[int] = frozenset()
    goes_on: bool = False

    @classmethod
    def of(cls, content: Any) -> Self:
        """Raises ValueError for what no progress was written as."""
        try:
            ends = {int(partition): int(end) for partition, end in content["ends"].items()}
            return cls(ends, frozenset(map(int, content["complete"])), "goes_on" in content)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError("it says no offsets") from error

    def to_json(self, topic: str) -> bytes:
        ends = {str(partition): end for partition, end in sorted(self.ends.items())}
        content: dict[str, Any] = {"topic": topic, "ends": ends, "complete": sorted(self.complete)}
        if self.goes_on:
            content["goes_on"] = True
        return (json.dumps(content, indent=1) + "\n").encode()


@dataclass(frozen=True)
class Day:
    """What the archive knows when a day is asked for. `delivery` is the day's own, so far."""

    delivery: Captured | None
    progress: Progress
    # How far the day before it got, and which that is.
    before: Progress
    day_before: dt.date | None
    # A later day has been begun.
    is_closed: bool

    @property
    def files(self) -> tuple[CapturedFile, ...]:
        """Those with messages, and with schemas of them."""
        return tuple(file for file in self.delivery.files if file.name != OFFSETS) if self.delivery else ()

    @property
    def next_number(self) -> int:
        """Of the next file with messages."""
        return len(messages_of(self.delivery)) + 1 if self.delivery else 1

    def next_offset(self, partition: int) -> int | None:
        """Where to go on; None for a partition that nothing was read of."""
        return self.progress.ends.get(partition, self.before.ends.get(partition))


def messages_of(captured: Captured) -> tuple[CapturedFile, ...]:
    return tuple(file for file in captured.files if file.name != OFFSETS and not file.name.startswith(SCHEMAS))


def schemas_of(captured: Captured) -> tuple[CapturedFile, ...]:
    return tuple(file for file in captured.files if file.name.startswith(SCHEMAS))


def known_of(archive: Archive, source: str, region: str, day: dt.date, today: dt.date) -> Day:
    """Raises TidegateError for a record in the archive that cannot be read."""
    delivery = _newest(archive, source, region, day)
    before = next(_deliveries_before(archive, source, region, day), None)
    return Day(
        delivery=delivery,
        progress=_progress_of(archive, delivery) if delivery else Progress(),
        before=_progress_of(archive, before) if before else Progress(),
        day_before=before.day if before else None,
        is_closed=any(_deliveries_after(archive, source, region, day, today)),
    )


def _deliveries_before(archive: Archive, source: str, region: str, day: dt.date) -> Iterator[Captured]:
    """The newest delivery of each day before it, newest first."""
    for month in archive.months(source, region, day):
        for earlier in sorted((each for each in month if each < day), reverse=True):
            if found := _newest(archive, source, region, earlier):
                yield found


def _deliveries_after(archive: Archive, source: str, region: str, day: dt.date, today: dt.date) -> Iterator[Captured]:
    for month in archive.months(source, region, today + ONE_DAY, until=day):
        for later in (each for each in month if each > day):
            if found := _newest(archive, source, region, later):
                yield found


def _newest(archive: Archive, source: str, region: str, day: dt.date) -> Captured | None:
    archived = archive.history(source, region, day).archived
    return archive.described(manifest_name(source, region, day, archived[-1])) if archived else None


def _progress_of(archive: Archive, captured: Captured) -> Progress:
    try:
        file = next(file for file in captured.files if file.name == OFFSETS)
        return Progress.of(json.loads(archive.local(file).read_bytes()))
    except (StopIteration, OSError, ValueError) as error:
        raise TidegateError(
            f"The archive's {captured.manifest} does not say which messages it holds ({error or 'no offsets'}). "
            "Nothing was changed. Restore it from a backup."
        ) from error
