"""What can be told of a delivery from its listing alone, in a folder or a bucket, without opening a file."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Callable
from functools import cache

from tidegate.contract.day_path import pattern_of
from tidegate.contract.landing import ChosenFiles
from tidegate.contract.model import Readiness
from tidegate.sources.origin import Arrival
from tidegate.storage.files import StoredFile

# What is put beside data and is none: checksums, signatures, and what Windows and macOS leave in a folder.
SIDECARS = (".md5", ".sha1", ".sha256", ".sha512", ".crc", ".asc", ".sig")
LEFT_BY_SYSTEMS = ("thumbs.db", "desktop.ini")


def only_the_marker(marker: str) -> str:
    return f"{marker} is all there is. A day without rows is a file with only its header"


class ListingHash:
    """A hash of things as they are listed, in any order and in constant memory."""

    def __init__(self) -> None:
        self._sum = 0

    def add(self, entry: str) -> None:
        digest = hashlib.blake2b(entry.encode("utf-8", "surrogateescape"), digest_size=16).digest()
        self._sum += int.from_bytes(digest, "big")

    def hexdigest(self) -> str:
        return f"{self._sum % (1 << 128):032x}"


class Choice:
    """Which names of a day are files of its delivery, and which its markers.

    `marker` matches the marker's name; None where markers are looked for elsewhere.
    """

    def __init__(self, chosen: ChosenFiles, marker: str | None) -> None:
        self.marker = marker
        self.each = chosen.has_a_marker_each
        self._is_marker = _matcher((marker.replace("{file}", "*"),)) if marker else None
        self._is_wanted = _matcher(chosen.files) if chosen.files else _is_no_sidecar
        self._is_unwanted = _matcher(chosen.except_files) if chosen.except_files else None

    def is_marker(self, name: str) -> bool:
        return self._is_marker is not None and self._is_marker(name)

    def is_data(self, name: str) -> bool:
        """Whether a name is one of a data file: wanted, no marker's, not hidden, and not a folder's."""
        if name.startswith(".") or name.endswith("/") or self.is_marker(name):
            return False
        return self._is_wanted(name) and not (self._is_unwanted and self._is_unwanted(name))

    def marked_by(self, marker: str) -> str:
        """The file whose marker this is."""
        folder, slash, name = marker.rpartition("/")
        before, _, after = (self.marker or "").partition("{file}")
        return folder + slash + name[len(before) : len(name) - len(after)]

    def missing_marker(self, file: str) -> str:
        """The marker that a file should have."""
        folder, slash, name = file.rpartition("/")
        return folder + slash + (self.marker or "").replace("{file}", name)


class Listing:
    """The entries of one delivery, in any order, in constant memory unless each file has its marker: what they amount
    to. `marker` is what says that they are whole; it is there where it stands elsewhere and `is_marked`."""

    def __init__(self, choice: Choice, marker: str, is_marked: bool = False) -> None:
        self.choice = choice
        self.marker = marker
        self.entries = 0
        self.data_files = 0
        self.has_marker = is_marked
        self.changed_at = dt.datetime.min.replace(tzinfo=dt.UTC)
        self._data = ListingHash()
        # Only where each file has its marker.
        self._files: set[str] = set()
        self._marked: set[str] = set()

    def add(self, name: str, file: StoredFile, in_folder: str) -> None:
        """Note a file that goes by `name` in the delivery and by `in_folder` in its folder."""
        self.entries += 1
        # A look at landing does this 100,000 times.
        if file.changed_at > self.changed_at:
            self.changed_at = file.changed_at
        if self.choice.is_marker(in_folder):
            self.has_marker |= file.is_file
            if self.choice.each and file.is_file:
                self._marked.add(self.choice.marked_by(name))
        elif self.choice.is_data(in_folder):
            self.data_files += 1
            # Both change with its content.
            self._data.add(f"{name}\0{file.size}\0{file.etag}")
            if self.choice.each:
                self._files.add(name)

    def note_change(self, changed_at: dt.datetime) -> None:
        """Note a change that no entry shows, such as one that went away."""
        self.changed_at = max(self.changed_at, changed_at)

    def waiting(self, place: str, readiness: Readiness) -> str | None:
        """What keeps the entries from being a delivery yet."""
        match readiness.rule:
            case "marker" if self.choice.each and self.data_files:
                if missing := sorted(self._files - self._marked):
                    return f"{place} has no {self.choice.missing_marker(missing[0])} yet, so it may be incomplete"
            case "marker" if not self.has_marker:
                return f"{place} has no {self.marker} file yet, so its {self.entries} entries may be incomplete"
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


def _is_quiet(readiness: Readiness, changed_at: dt.datetime) -> bool:
    return dt.datetime.now(dt.UTC) - changed_at >= dt.timedelta(minutes=readiness.quiet_minutes)


def _is_no_sidecar(name: str) -> bool:
    low = name.lower()
    return not (name.startswith("_") or low.endswith(SIDECARS) or low in LEFT_BY_SYSTEMS)


def _matcher(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """Whether a name matches one of the patterns. In a folder of 100,000 files it is asked of every name."""
    regex = re.compile("|".join(f"(?:{name_pattern(pattern)})" for pattern in patterns))
    return lambda name: regex.fullmatch(name) is not None


@cache
def name_pattern(pattern: str) -> str:
    """A regular expression of a name below a folder. `**/` is any number of folders. A wildcard at the beginning of a
    name stands for none of the hidden ones, which begin with `.` or `_`."""
    parts = pattern.split("/")
    written = []
    for place, part in enumerate(parts):
        if part == "**":
            shown = r"[^/._][^/]*"
            written.append(rf"(?:{shown}/)*" + (shown if place == len(parts) - 1 else ""))
        else:
            hidden = r"(?![._])" if part[:1] in ("*", "?") else ""
            written.append(hidden + pattern_of(part) + ("" if place == len(parts) - 1 else "/"))
    return "".join(written)
