"""Deliveries from a topic: of a day, what came since the day before, as ranges of offsets.

In each partition a day ends at the first message that is dated after it, or at the newest message by now. The bytes go
into the archive with the offsets; a day that goes on later gets another file. Which messages are whose is for `ranges`
to tell, connecting and reading for `reading`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.archive.archive import DRAFTS, Archive
from tidegate.archive.manifest import Captured, CapturedFile
from tidegate.contract.kafka import KafkaServer
from tidegate.errors import ArchiveDownError, IncompleteError, TidegateError
from tidegate.sources.kafka.messages import MessageWriter
from tidegate.sources.kafka.ranges import OFFSETS, Day, Progress, known_of
from tidegate.sources.kafka.reading import Extent, GoneError, TopicReader, opened
from tidegate.sources.kafka.registry import Registry
from tidegate.sources.kafka.schemas import SCHEMAS, Schema, to_json
from tidegate.sources.origin import Outside
from tidegate.storage.places import storage_at
from tidegate.window import ONE_DAY
from tidegate.zones import Zone

if TYPE_CHECKING:
    from confluent_kafka import Message

# A message that is dated further ahead of this machine's clock has a wrong date, and no day ends by it: that would end
# all days of its partition until then.
MOST_AHEAD_SECONDS = 3600

_KEPT = "What was loaded before stays."


@dataclass(frozen=True)
class KafkaOrigin:
    """A region's topic. Captures of one source must follow each other: each goes on where the last one ended."""

    source: str
    region: str
    server: KafkaServer
    outside: Outside
    zone: Zone

    def describe(self, day: dt.date) -> str:
        return f"the topic {self.server.topic} at ${self.server.connection_variable}, of {day}"

    def capture(self, archive: Archive, source: str, day: dt.date) -> Captured | None:
        known = known_of(archive, source, self.region, day, self.zone.today())
        if known.is_closed:
            # Its messages, if any, are with the days around it.
            return known.delivery or self._entered(archive, known, day, Progress(known.before.ends), [])
        # Before the topic is asked for its end: what comes after that is not read.
        goes_on = self._goes_on(day)
        if goes_on:
            self._refuse_before_its_turn(known, day)
        with opened(self.server, self.outside) as reader, tempfile.TemporaryDirectory(prefix="tidegate-") as folder:
            draft = Path(folder) / "messages"
            progress, written, numbers = self._read(reader, known, day, draft, goes_on)
            if known.delivery and progress == known.progress:
                return known.delivery
            # Before the messages are kept: without their schemas they could not be read.
            schemas = self._schemas(numbers)
            number = known.next_number
            new = [archive.adopt(f"messages-{number:06}.jsonl.gz", draft)] if written else []
            if schemas:
                new.append(archive.add(f"{SCHEMAS}{number:06}.json", [to_json(schemas)]))
        return self._entered(archive, known, day, progress, new)

    def _goes_on(self, day: dt.date) -> bool:
        return day >= self.zone.today()

    def _refuse_before_its_turn(self, known: Day, day: dt.date) -> None:
        """A day that goes on begins where the one before ended: what is still to come of that would be taken for its
        own."""
        if known.before.goes_on:
            raise IncompleteError(
                f"{self.describe(day)} is read once {known.day_before} was read to its end. Run {known.day_before} "
                "first, or both together. What was loaded before stays."
            )

    def _schemas(self, numbers: Collection[int]) -> dict[int, Schema]:
        variable = self.server.registry_variable
        if not numbers or variable is None:
            return {}
        address = self.outside.variable(variable, "the schema registry")
        return Registry(variable, address, self.server.value_format).schemas(numbers)

    def _read(
        self, reader: TopicReader, known: Day, day: dt.date, draft: Path, goes_on: bool
    ) -> tuple[Progress, int, Collection[int]]:
        """Read on in each partition; returns how far that got, the number of messages, and the numbers of their
        schemas."""
        day_ends = self.zone.at(day + ONE_DAY, dt.time()).timestamp() * 1000
        by_now = (time.time() + MOST_AHEAD_SECONDS) * 1000
        ends, complete = {**known.before.ends, **known.progress.ends}, set(known.progress.complete)
        with draft.open("wb") as stream:
            writer = MessageWriter(stream, has_schemas=self.server.value_format != "json")
            for partition, extent in reader.extents().items():
                if partition in complete:
                    continue
                begin = self._begin(known, day, partition, extent)
                ends[partition] = extent.end
                for message in self._messages(reader, day, partition, begin, extent.end):
                    if day_ends <= message.timestamp()[1] <= by_now:
                        ends[partition] = message.offset() or 0
                        complete.add(partition)
                        break
                    writer.add(message)
            writer.close()
        return Progress(ends, frozenset(complete), goes_on), writer.written, writer.schema_numbers

    def _messages(self, reader: TopicReader, day: dt.date, partition: int, begin: int, end: int) -> Iterator[Message]:
        if begin >= end:
            return
        try:
            yield from reader.messages(partition, begin, end)
        except GoneError:
            raise self._gap(day, partition, f"from {begin:,} on") from None

    def _begin(self, known: Day, day: dt.date, partition: int, extent: Extent) -> int:
        """The first message to read. Raises TidegateError where some were lost, unless that is accepted."""
        begin = known.next_offset(partition)
        if begin is None or extent.first <= begin <= extent.end:
            return extent.first if begin is None else begin
        if day in self.server.gaps_accepted_on:
            return extent.first
        if begin > extent.end:
            raise self._gap(
                day, partition, f"which was read up to {begin:,}, ends at {extent.end:,} now: the topic was made again"
            )
        raise self._gap(day, partition, f"from {begin:,} to {extent.first - 1:,}")

    def _gap(self, day: dt.date, partition: int, what: str) -> TidegateError:
        return TidegateError(
            f"messages of the topic {self.server.topic} are gone before they were read: partition {partition}, {what}. "
            f"{_KEPT} Let the topic keep them for longer. To go on with what it still has, write {day} into "
            "gapsAcceptedOn of the contract."
        )

    def _entered(
        self,
        archive: Archive,
        known: Day,
        day: dt.date,
        progress: Progress,
        new: Sequence[CapturedFile],
    ) -> Captured:
        offsets = archive.add(OFFSETS, [progress.to_json(self.server.topic)])
        files = [*known.files, *new, offsets]
        return archive.enter(self.source, self.region, day, files)

    def ready_days(self, days: Iterable[dt.date]) -> dict[dt.date, str]:
        """Those of the days that have more to read than was read."""
        asked = sorted(days)
        with self._archive() as archive:
            today = self.zone.today()
            known = {day: known_of(archive, self.source, self.region, day, today) for day in asked}
        never = {day: "no messages" for day, each in known.items() if each.is_closed and each.delivery is None}
        going_on = {day: each for day, each in known.items() if not each.is_closed}
        if not going_on:
            return never
        with opened(self.server, self.outside) as reader:
            extents = reader.extents()
        found = {day: more for day, each in going_on.items() if (more := _more(each, extents))}
        return never | found

    @contextmanager
    def _archive(self) -> Iterator[Archive]:
        with tempfile.TemporaryDirectory(prefix="tidegate-") as folder:
            storage = storage_at(
                self.outside.archive, "TIDEGATE_ARCHIVE", self.outside.s3_client, ArchiveDownError, drafts=DRAFTS
            )
            yield Archive(storage, Path(folder))


def _more(known: Day, extents: Mapping[int, Extent]) -> str | None:
    """What is to be read, told by where partitions end that the day is not over in; None for nothing."""
    ends = {partition: extent.end for partition, extent in extents.items() if partition not in known.progress.complete}
    is_new = any(known.progress.ends.get(partition) != end for partition, end in ends.items())
    if known.delivery and not is_new:
        return None
    return hashlib.sha256(json.dumps(sorted(ends.items())).encode()).hexdigest()
