"""Deliveries that are dropped into a folder or a bucket: capturing one, and listing all that are there.

What stands in landing is hostile: names, links, things that are no files. What may be opened, and how, is known to the
kind of `storage`, where the bytes are kept to `archive`. A name is shown, compared and hashed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator

from tidegate.archive.archive import Archive, Original, refused_file
from tidegate.archive.manifest import Captured, CapturedFile
from tidegate.contract.model import Readiness
from tidegate.errors import IncompleteError
from tidegate.sources.listing import MARKER, ONLY_THE_MARKER, DayPath, Listing, is_data
from tidegate.sources.origin import Arrival
from tidegate.storage.files import Storage, StoredFile, StoredFolder, UnopenableError


class DroppedOrigin:
    """Where a region's files land in a storage; `path` holds `{day}`."""

    def __init__(self, storage: Storage, region: str, path: str, readiness: Readiness) -> None:
        self.storage = storage
        self.region = region
        self.path = path
        self.readiness = readiness
        self.is_far = storage.is_far

    def describe(self, day: dt.date) -> str:
        return self.storage.address(self._place(day))

    def capture(self, archive: Archive, source: str, day: dt.date) -> Captured | None:
        place, folder = self.describe(day), self.storage.folder(self._name(day))
        if folder is None:
            return None
        if not folder.is_folder:
            raise _incomplete(f"{place} is not a folder")
        if folder.refused:
            name = self._name(day).rpartition("/")[2]
            return archive.enter(source, self.region, day, [refused_file(name, folder.refused)])
        landed = _by_name(folder)
        listing = _noted(folder.prefix, landed.values())
        if not landed:
            return None
        if waiting := listing.waiting(place, self.readiness):
            raise _incomplete(waiting)
        if not (listing.data_files or listing.has_marker):
            return None
        files = [self._capture_file(archive, name, file) for name, file in sorted(landed.items()) if is_data(name)]
        if self._landed(day) != landed:
            raise self.storage.changed(self._place(day))
        return archive.enter(source, self.region, day, files or [refused_file(MARKER, ONLY_THE_MARKER)])

    def arrivals(self) -> Iterator[Arrival]:
        path = DayPath.of(self.path)
        folders = self.storage.folders(path.parent, path.before, path.rest, lambda name: path.day_in(name) is not None)
        for name, folder in folders:
            day = path.day_in(name)
            arrival = self._arrival(folder, day) if day else None
            if arrival:
                yield arrival

    def arrival(self, day: dt.date) -> Arrival | None:
        folder = self.storage.folder(self._name(day))
        return self._arrival(folder, day) if folder else None

    def _arrival(self, folder: StoredFolder, day: dt.date) -> Arrival | None:
        if folder.refused and folder.changed_at:
            # Nothing is listed outside of landing; loading it tells what is wrong.
            return Arrival(self.region, day, folder.changed_at, complete=True, fingerprint=folder.refused)
        listing = _noted(folder.prefix, folder.entries)
        if folder.changed_at:
            listing.note_change(folder.changed_at)
        return listing.arrival(self.region, day, self.readiness)

    def _name(self, day: dt.date) -> str:
        return self.path.replace("{day}", day.isoformat())

    def _place(self, day: dt.date) -> str:
        """The day's folder as people know it: of keys in a bucket, the beginning."""
        return f"{self._name(day)}/"

    def _landed(self, day: dt.date) -> dict[str, StoredFile]:
        folder = self.storage.folder(self._name(day))
        return _by_name(folder) if folder else {}

    def _capture_file(self, archive: Archive, name: str, file: StoredFile) -> CapturedFile:
        if "/" in name:
            return refused_file(name, "is in a folder of its own where a file is expected")
        try:
            return archive.add(name, self.storage.chunks(file), Original(self.storage, file))
        except UnopenableError as refusal:
            return refused_file(name, str(refusal))


def _by_name(folder: StoredFolder) -> dict[str, StoredFile]:
    start = len(folder.prefix)
    return {file.name[start:]: file for file in folder.entries}


def _noted(prefix: str, files: Iterable[StoredFile]) -> Listing:
    listing, start = Listing(), len(prefix)
    for file in files:
        listing.add(file.name[start:], file.changed_at, file.size, file.etag, file.is_file)
    return listing


def _incomplete(why: str) -> IncompleteError:
    return IncompleteError(f"{why}. What was loaded before stays; run again when it is complete.")
