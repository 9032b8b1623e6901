"""What can be told of a delivery from its listing alone, in a folder or a bucket, without opening a file."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from dataclasses import dataclass
from typing import Self

from tidegate.contract.model import Readiness
from tidegate.sources.origin import Arrival

MARKER = "_SUCCESS"
ONLY_THE_MARKER = "is all there is. A day without rows is a file with only its header"

_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class DayPath:
    """A path with `{day}` in it, cut at the segment that holds the day: `parent`/`before`DAY`after`/`rest`."""

    parent: str
    before: str
    after: str
    rest: str

    @classmethod
    def of(cls, path: str) -> Self:
        above, _, below = path.partition("{day}")
        parent, _, before = above.rpartition("/")
        after, _, rest = below.partition("/")
        return cls(parent, before, after, rest)

    def day_in(self, segment: str) -> dt.date | None:
        """The day that a segment names, if it is one of this path's."""
        if not (segment.startswith(self.before) and segment.endswith(self.after)):
            return None
        day = segment[len(self.before) : len(segment) - len(self.after)]
        if not _DAY.fullmatch(day):
            return None
        try:
            return dt.date.fromisoformat(day)
        except ValueError:
            return None


class ListingHash:
    """A hash of things as they are listed, in any order and in constant memory."""

    def __init__(self) -> None:
        self._sum = 0

    def add(self, entry: str) -> None:
        digest = hashlib.blake2b(entry.encode("utf-8", "surrogateescape"), digest_size=16).digest()
        self._sum += int.from_bytes(digest, "big")

    def hexdigest(self) -> str:
        return f"{self._sum % (1 << 128):032x}"


class Listing:
    """The entries of one delivery, in any order, in constant memory: what they amount to."""

    def __init__(self) -> None:
        self.entries = 0
        self.data_files = 0
        self.has_marker = False
        self.changed_at = dt.datetime.min.replace(tzinfo=dt.UTC)
        self._data = ListingHash()

    def add(self, name: str, changed_at: dt.datetime, size: int, etag: str, is_file: bool) -> None:
        """Note an entry. Its size and `etag` change with its content."""
        self.entries += 1
        # A look at landing does this 100,000 times.
        if changed_at > self.changed_at:
            self.changed_at = changed_at
        if name == MARKER:
            self.has_marker |= is_file
        elif is_data(name):
            self.data_files += 1
            self._data.add(f"{name}\0{size}\0{etag}")

    def note_change(self, changed_at: dt.datetime) -> None:
        """Note a change that no entry shows, such as one that went away."""
        self.changed_at = max(self.changed_at, changed_at)

    def waiting(self, place: str, readiness: Readiness) -> str | None:
        """What keeps the entries from being a delivery yet."""
        match readiness.rule:
            case "marker" if not self.has_marker:
                return f"{place} has no {MARKER} file yet, so its {self.entries} entries may be incomplete"
            case "quiet" if not _is_quiet(readiness, self.changed_at):
                minutes = readiness.quiet_minutes
                return f"{place} changed less than {minutes} minutes ago, so its source may still be writing"
        return None

    def arrival(self, region: str, day: dt.date, readiness: Readiness) -> Arrival | None:
        """What has arrived; None when that is nothing."""
        if not (self.data_files or self.has_marker):
            return None
        complete = self.waiting("", readiness) is None
        return Arrival(region, day, self.changed_at, complete, self._data.hexdigest())


def is_data(name: str) -> bool:
    """Whether a name is one of a data file: not the marker's, not hidden."""
    return name != MARKER and not name.startswith(".")


def _is_quiet(readiness: Readiness, changed_at: dt.datetime) -> bool:
    return dt.datetime.now(dt.UTC) - changed_at >= dt.timedelta(minutes=readiness.quiet_minutes)
