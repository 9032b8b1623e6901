"""Deliveries dropped into a folder: capturing one, and listing all that are there.

What may be opened belongs to `landing`, where the bytes are kept to `archive`.
"""

from __future__ import annotations

import datetime as dt
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from tidegate.archive.archive import BLOCK, Archive, refused_file
from tidegate.archive.manifest import Captured, CapturedFile
from tidegate.contract.model import Readiness
from tidegate.errors import IncompleteError
from tidegate.sources.landing import LEADS_OUT, LandedFile, LandingFolder, changed_at, entries_of, note
from tidegate.sources.listing import DayPath, Listing
from tidegate.sources.origin import Arrival

# O_NONBLOCK: a file that turned into a pipe since it was listed must not hang us. O_NOFOLLOW: nor lead
# elsewhere.
OPEN_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class FolderOrigin:
    """Where a region's files land below the folder `root`; `path` holds `{day}`."""

    is_far = False

    def __init__(self, root: Path, region: str, path: str, readiness: Readiness) -> None:
        self.region = region
        self.path = path
        self.landing = LandingFolder(root, readiness)

    def describe(self, day: dt.date) -> str:
        return str(self._folder(day))

    def capture(self, archive: Archive, source: str, day: dt.date) -> Captured | None:
        landed = self.landing.find(self._folder(day))
        if landed is None:
            return None
        if landed.incomplete:
            raise IncompleteError(f"{landed.incomplete}. What was loaded before stays; run again when it is complete.")
        before = _listing(landed.folder)
        files = [_capture_file(archive, file) for file in landed.files]
        if _listing(landed.folder) != before:
            raise _changed(landed.folder)
        return archive.enter(source, self.region, day, files)

    def arrivals(self) -> Iterator[Arrival]:
        path = DayPath.of(self.path)
        parent = self.landing.root / path.parent
        if not (parent.is_dir() and self.landing.holds(parent)):
            return
        for entry in entries_of(parent):
            day = path.day_in(entry.name)
            arrival = self._arrival(parent / entry.name / path.rest, day) if day else None
            if arrival:
                yield arrival

    def arrival(self, day: dt.date) -> Arrival | None:
        return self._arrival(self._folder(day), day)

    def _arrival(self, folder: Path, day: dt.date) -> Arrival | None:
        try:
            folder_changed_at = changed_at(folder.lstat())
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not self.landing.holds(folder):
            # Nothing is listed outside of landing; loading it tells what is wrong.
            return Arrival(self.region, day, folder_changed_at, complete=True, fingerprint=LEADS_OUT)
        if not folder.is_dir():
            return None
        listing = Listing()
        listing.note_change(folder_changed_at)
        for entry in entries_of(folder):
            note(listing, entry)
        return listing.arrival(self.region, day, self.landing.readiness)

    def _folder(self, day: dt.date) -> Path:
        return self.landing.root / self.path.replace("{day}", day.isoformat())


def _capture_file(archive: Archive, file: LandedFile) -> CapturedFile:
    if file.refused:
        return refused_file(file.name, file.refused)
    try:
        descriptor = os.open(file.path, OPEN_FLAGS)
    except OSError as error:
        return refused_file(file.name, f"cannot be opened ({error.strerror})")
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            return refused_file(file.name, "is no ordinary file (a pipe, socket or device)")
        return archive.add(file.name, _blocks(descriptor, file.path))
    finally:
        os.close(descriptor)


def _blocks(descriptor: int, path: Path) -> Iterator[bytes]:
    """The file's bytes. Raises IncompleteError at their end when they changed meanwhile."""
    before, size = _state(os.fstat(descriptor)), 0
    while block := os.read(descriptor, BLOCK):
        size += len(block)
        yield block
    if _state(os.fstat(descriptor)) != before or size != before[0]:
        raise _changed(path)


def _listing(folder: Path) -> list[tuple[str, int, int, int]]:
    if folder.is_symlink() or not folder.is_dir():
        return []
    entries = [(entry.name, entry.stat(follow_symlinks=False)) for entry in os.scandir(folder)]
    return sorted((name, *_state(status)) for name, status in entries)


def _state(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ino


def _changed(path: Path) -> IncompleteError:
    return IncompleteError(
        f"{path} changed while it was being captured, so its source is still writing. Nothing was loaded. "
        "Run again when the delivery is complete."
    )
