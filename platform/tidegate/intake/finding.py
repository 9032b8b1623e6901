"""Finding a batch's deliveries: at their origins, in the archive, or, of a source that is down, what may stand in.

How each kind of origin captures is its own module's; what is made of the deliveries belongs to `load`.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from tidegate.archive.journal import Event
from tidegate.archive.manifest import Captured, manifest_name
from tidegate.contract.files import FileOptions
from tidegate.contract.found import StandIn
from tidegate.contract.http import HttpServer
from tidegate.contract.kafka import KafkaServer
from tidegate.contract.model import Clock, Contract, Region
from tidegate.errors import IncompleteError, RefusedError, SourceDownError, TidegateError
from tidegate.intake.files.formats.layout import DataFile
from tidegate.lake.connect import Lake
from tidegate.ledger.deliveries import DeliveryRecord, entry_of, good_deliveries, newest_deliveries
from tidegate.ledger.entries import utc_now
from tidegate.ledger.interim import interim_deliveries
from tidegate.ledger.names import Partition
from tidegate.sources.http.joined import join_pages, name_of_lines
from tidegate.sources.kafka.by_schema import reader_of
from tidegate.sources.kafka.messages import write_lines
from tidegate.sources.kafka.ranges import messages_of, schemas_of
from tidegate.sources.origin import Landing, Origin, Outside, listing_of
from tidegate.sources.places import archive_of, origin_of
from tidegate.window import Window

# After so many days in a row that a source was down for, the batch's other days are not asked for: each may cost the
# whole time limit. Not after the first, because one day alone may be what the source fails over.
DOWN_AFTER_DAYS = 2

# Deliveries captured at once when landing or the archive is in S3: each takes ten questions one after the other, and
# the client keeps ten connections.
AT_ONCE = 10


@dataclass(frozen=True)
class Missing:
    """A delivery that is not to be had, and why."""

    region: str
    day: dt.date
    error: TidegateError

    @property
    def partition(self) -> Partition:
        return Partition(self.region, self.day)


@dataclass
class DataFiles:
    """The files to read. `unreadable` says by delivery and name which of them hold nothing that could be, and why."""

    files: list[DataFile] = field(default_factory=list)
    unreadable: defaultdict[int, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, delivery: int, day: dt.date, name: str, path: Path, options: FileOptions, clock: Clock) -> None:
        self.files.append(DataFile(len(self.files), delivery, day, name, path, options, clock))


class Finding:
    """The deliveries of a batch: `captured`, those of them that are a `stand_ins`, and those that are `missing`."""

    def __init__(
        self,
        lake: Lake,
        contract: Contract,
        window: Window,
        outside: Outside,
        scratch: Path,
        from_landing: bool,
        archive_first: bool = False,
    ) -> None:
        self.contract = contract
        self.outside = outside
        self.archive = archive_of(outside, scratch)
        self.scratch = scratch
        self.captured: list[Captured] = []
        self.stand_ins: dict[Partition, StandIn] = {}
        self.missing: list[Missing] = []
        # Why a source could not be asked for a day, whatever was found in its stead.
        self.troubles: dict[Partition, str] = {}
        self._lake = lake
        self.window = window
        self._from_landing = from_landing
        self._archive_first = archive_first
        # One for all days: what it takes to ask a database is worth keeping.
        self._origins: dict[str, Origin] = {}
        self._one_asks = threading.Lock()
        self._days_down: Counter[str] = Counter()
        self._down: dict[str, SourceDownError] = {}
        self._began_at = utc_now()
        # Whose origins answered, be it that there is nothing.
        self._answered: set[Partition] = set()
        self._known = {
            delivery.partition: delivery.fingerprint
            for delivery in newest_deliveries(lake.con, contract.source, window)
            # The archive of one that stood in is another day's.
            if delivery.stands_in_for is None
        }

    def find(self, regions: Sequence[Region], days: Sequence[dt.date]) -> None:
        """Capture each delivery from its origin, or recall it from the archive, or note that it is missing."""
        self._origins = {region.name: origin_of(self.contract, region, self.outside) for region in regions}
        for found in self._found([(region, day) for region in regions for day in days]):
            if isinstance(found, Missing):
                self.missing.append(found)
            else:
                self.captured.append(found)

    def recall(self, deliveries: Iterable[DeliveryRecord]) -> None:
        """Take deliveries that were loaded before from the archive, whatever stands at their origins by now."""
        for delivery in deliveries:
            captured = self.archive.recall(delivery.archive)
            self.captured.append(replace(captured, day=delivery.partition_day, listing=delivery.listing))
            if delivery.stands_in_for:
                stand_in = StandIn(delivery.stands_in_for, "The source was down when this was loaded.")
                self.stand_ins[delivery.partition] = stand_in

    def _found(self, places: Sequence[tuple[Region, dt.date]]) -> Iterator[Captured | Missing]:
        if not self._is_far:
            yield from itertools.starmap(self._find, places)
            return
        with ThreadPoolExecutor(AT_ONCE) as pool:
            yield from pool.map(self._find, *zip(*places, strict=True))

    @property
    def _is_far(self) -> bool:
        """Whether landing or the archive is on a network. Other kinds of sources are asked one thing at a time."""
        landings = [origin for origin in self._origins.values() if isinstance(origin, Landing)]
        far = self.archive.is_far or any(landing.is_far for landing in landings)
        return far and len(landings) == len(self._origins)

    def _find(self, region: Region, day: dt.date) -> Captured | Missing:
        try:
            return self._fetch(region, day)
        except TidegateError as error:
            # Of one that is refused the source answered: it is no outage, and keeps no other day from being asked for.
            if not isinstance(error, IncompleteError | RefusedError):
                self.troubles.setdefault(Partition(region.name, day), str(error))
            return Missing(region.name, day, error)

    def _fetch(self, region: Region, day: dt.date) -> Captured:
        if self._archive_first and (archived := self._archived(region, day)):
            return self.archive.recall(archived)
        origin = self._origins[region.name]
        try:
            captured = self._capture(origin, region, day)
        except SourceDownError as down:
            self.troubles[Partition(region.name, day)] = str(down)
            if self._from_landing:
                raise
            return self._make_do(region, day, down)
        return captured or self.archive.recall(self._manifest(origin, region, day))

    def _capture(self, origin: Origin, region: Region, day: dt.date) -> Captured | None:
        if self._days_down[region.name] >= DOWN_AFTER_DAYS:
            raise self._down[region.name]
        try:
            # Before capturing: what changes from here on is looked at again, which costs a run and loses nothing.
            listing = listing_of(origin, day)
            with _explaining_what_could_not_be_kept():
                captured = origin.capture(self.archive, self.contract.source, day)
        except SourceDownError as down:
            self._days_down[region.name] += 1
            self._down[region.name] = down
            raise
        self._days_down[region.name] = 0
        self._answered.add(Partition(region.name, day))
        return replace(captured, listing=listing) if captured else None

    def _manifest(self, origin: Origin, region: Region, day: dt.date) -> str:
        place = origin.describe(day)
        if self._from_landing:
            raise IncompleteError(f"{place} is not there or empty. What was loaded before stays.")
        manifest = self._archived(region, day)
        if manifest is None:
            raise IncompleteError(f"neither {place} nor the archive holds it. Deliver it, and run again.")
        return manifest

    def _archived(self, region: Region, day: dt.date) -> str | None:
        history = self.archive.history(self.contract.source, region.name, day)
        fingerprint = history.to_load(self._known.get(Partition(region.name, day)))
        return fingerprint and manifest_name(self.contract.source, region.name, day, fingerprint)

    def _unjudged(self, region: Region, day: dt.date) -> str | None:
        """What was captured of the day last, where a run died before it was committed."""
        fingerprint = self.archive.history(self.contract.source, region.name, day).unjudged
        return fingerprint and manifest_name(self.contract.source, region.name, day, fingerprint)

    def _make_do(self, region: Region, day: dt.date, down: SourceDownError) -> Captured:
        """Without the source: the day's own delivery as captured before, or what the contract lets stand in for it."""
        if unjudged := self._unjudged(region, day):
            return self.archive.recall(unjudged)
        own = Partition(region.name, day)
        may_serve = (good for good in self._good if good == own or good not in self._interim)
        good = max((good.day for good in may_serve if good.region == region.name and good.day <= day), default=None)
        if good == day:
            return self.archive.recall(self._good[Partition(region.name, day)])
        if good is not None and self.contract.fallback == "last_good" and not self._goes_on(day):
            stand_in = replace(self.archive.recall(self._good[Partition(region.name, good)]), day=day)
            self.stand_ins[Partition(region.name, day)] = StandIn(good, str(down))
            return stand_in
        if manifest := self._archived(region, day):
            return self.archive.recall(manifest)
        kept = "What was loaded before stays; run again when the source is back."
        raise SourceDownError(f"{down} {kept}") from down

    def interim_until(self, captured: Captured) -> dt.datetime | None:
        """Of a delivery that was read before its day had ended: when that is (UTC). More of it may come until then, or
        came: once the source has answered for the day after its end, what there is of it is known."""
        partition, ends = Partition(captured.region, captured.day), self._end_of(captured.day)
        if self._goes_on(captured.day):
            return ends
        if partition in self._answered:
            return None
        if entry := entry_of(self._lake.con, self.contract.source, partition, captured.fingerprint):
            return entry.interim_until
        # The ledger was lost, or the run that captured it was killed: the archive's journal says what it knows.
        fate = self.archive.history(self.contract.source, partition.region, partition.day).fate(captured.fingerprint)
        was_read_before = fate == "interim" or (fate == "captured" and self.contract.intraday is not None)
        return ends if was_read_before else None

    def _goes_on(self, day: dt.date) -> bool:
        return self._began_at < self._end_of(day)

    def _end_of(self, day: dt.date) -> dt.datetime:
        return self.contract.day_ends(day).replace(tzinfo=None)

    def stand_in_for(self, captured: Captured) -> StandIn | None:
        """Whose delivery this is, and why, where it is not the day's own."""
        return self.stand_ins.get(Partition(captured.region, captured.day))

    def note_fates(self, fates: Iterable[Event]) -> None:
        """Write down in the archive what became of each of `captured`, in their order; the ledger has it already.

        One that cannot be written down is judged again when it is met again, so nothing is lost by going on.
        """
        own = [
            (captured, fate)
            for captured, fate in zip(self.captured, fates, strict=True)
            # The archive of a stand-in is another day's.
            if not self.stand_in_for(captured)
        ]
        with ThreadPoolExecutor(AT_ONCE if self.archive.is_far else 1) as pool:
            for _ in pool.map(self._note_fate, own):
                pass

    def _note_fate(self, noted: tuple[Captured, Event]) -> None:
        captured, fate = noted
        with suppress(TidegateError, OSError):
            self.archive.note(fate, captured)

    @property
    def _good(self) -> dict[Partition, str]:
        # The lake's connection is one thread's at a time.
        with self._one_asks:
            return self._good_in_ledger

    @cached_property
    def _interim(self) -> frozenset[Partition]:
        """The deliveries of these days that were read last before their day had ended."""
        with self._one_asks:
            found = interim_deliveries(self._lake.con)
        return frozenset(Partition(each.region, each.day) for each in found if each.source == self.contract.source)

    @cached_property
    def _good_in_ledger(self) -> dict[Partition, str]:
        return good_deliveries(self._lake.con, self.contract.source, self.window)

    def data_files(self) -> DataFiles:
        """The files of all deliveries, made ready for reading in the folder `scratch`."""
        found = DataFiles()
        for delivery, captured in enumerate(self.captured):
            region = self.contract.region(captured.region)
            if isinstance(region.server, HttpServer):
                self._add_pages(found, delivery, captured, region.server, region)
                continue
            if isinstance(region.server, KafkaServer):
                self._add_messages(found, delivery, captured, region.server, region)
                continue
            for file in sorted(captured.files, key=lambda file: _natural(file.shown_name)):
                if not file.refused:
                    archived = self.archive.local(file)
                    found.add(delivery, captured.day, file.shown_name, archived, region.files, region.clock)
        return found

    def _add_pages(
        self, found: DataFiles, delivery: int, captured: Captured, server: HttpServer, region: Region
    ) -> None:
        """All pages of a delivery as one file: thousands of small ones take DuckDB's memory and minutes."""
        lines = self.scratch / f"lines-{delivery}"
        pages = ((file.shown_name, self.archive.local(file).read_bytes()) for file in captured.files)
        with lines.open("wb") as stream:
            found.unreadable[delivery] |= join_pages(pages, server, stream)
        found.add(delivery, captured.day, name_of_lines(server), lines, region.files, region.clock)

    def _add_messages(
        self, found: DataFiles, delivery: int, captured: Captured, server: KafkaServer, region: Region
    ) -> None:
        """All messages of a delivery as one file, in the order of reading."""
        lines = self.scratch / f"lines-{delivery}"
        with lines.open("wb") as stream:
            files = (self.archive.local(file) for file in messages_of(captured))
            schemas = (self.archive.local(file) for file in schemas_of(captured))
            by_schema = reader_of(server.value_format, schemas)
            write_lines(files, self.contract, stream, region.files.json.envelope, by_schema)
        found.add(delivery, captured.day, f"{server.topic}.jsonl", lines, region.files, region.clock)


def _natural(name: str) -> tuple[list[str | int], str]:
    """The order of names as people have it: orders_9 before orders_10."""
    parts = re.split("([0-9]+)", name)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], name


@contextmanager
def _explaining_what_could_not_be_kept() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        at = f" ({error.filename})" if error.filename else ""
        raise TidegateError(
            f"it could not be copied into the archive: {error.strerror}{at}. Nothing was loaded. "
            "Make room or correct the permissions, and run again."
        ) from error
