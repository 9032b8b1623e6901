"""Deliveries dropped into a bucket: capturing one, and listing all that are there.

What is asked of S3 belongs to `storage.s3`, where the bytes are kept to `archive`. A key is text that anybody may have
written: it is shown, compared and hashed, and never becomes a path of this machine.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import groupby

from tidegate.archive.archive import Archive, refused_file
from tidegate.archive.manifest import Captured, CapturedFile
from tidegate.contract.model import Readiness
from tidegate.errors import IncompleteError
from tidegate.sources.listing import MARKER, ONLY_THE_MARKER, DayPath, Listing, is_data
from tidegate.sources.origin import Arrival
from tidegate.storage.s3 import S3Folder, S3Object, changed

# What S3 gives out only after somebody asked for it days before.
FROZEN = ("GLACIER", "DEEP_ARCHIVE")


class S3Origin:
    """Where a region's files land below a prefix of a bucket; `path` holds `{day}`."""

    is_far = True

    def __init__(self, folder: S3Folder, region: str, path: str, readiness: Readiness) -> None:
        self.folder = folder
        self.region = region
        self.path = path
        self.readiness = readiness

    def describe(self, day: dt.date) -> str:
        return self.folder.address(self._prefix(day))

    def capture(self, archive: Archive, source: str, day: dt.date) -> Captured | None:
        place, landed = self.describe(day), self._list(day)
        if not landed:
            return None
        listing = _noted(landed)
        if waiting := listing.waiting(place, self.readiness):
            raise IncompleteError(f"{waiting}. What was loaded before stays; run again when it is complete.")
        if not (listing.data_files or listing.has_marker):
            return None
        files = [self._capture_file(archive, name, found) for name, found in sorted(landed.items()) if is_data(name)]
        if self._list(day) != landed:
            raise changed(place)
        return archive.enter(source, self.region, day, files or [refused_file(MARKER, ONLY_THE_MARKER)])

    def arrivals(self) -> Iterator[Arrival]:
        # Keys come in order, so those of a day follow each other.
        for day, of_day in groupby(self._dated_entries(), key=lambda entry: entry[0]):
            listing = Listing()
            for _, name, found in of_day:
                _note(listing, name, found)
            if arrival := listing.arrival(self.region, day, self.readiness):
                yield arrival

    def arrival(self, day: dt.date) -> Arrival | None:
        return _noted(self._list(day)).arrival(self.region, day, self.readiness)

    def _dated_entries(self) -> Iterator[tuple[dt.date, str, S3Object]]:
        """The objects of all days, each with its name in the day's folder."""
        path = DayPath.of(self.path)
        parent = f"{path.parent}/" if path.parent else ""
        rest = f"{path.rest}/" if path.rest else ""
        start = len(self.folder.prefix + parent)
        for found in self.folder.objects(parent + path.before):
            segment, _, below = found.key[start:].partition("/")
            name = below.removeprefix(rest)
            if not name or not below.startswith(rest):
                continue
            if day := path.day_in(segment):
                yield day, name, found

    def _prefix(self, day: dt.date) -> str:
        return self.path.replace("{day}", day.isoformat()) + "/"

    def _list(self, day: dt.date) -> dict[str, S3Object]:
        """The objects of a day's folder by name, without the empty one that some tools make for the folder itself."""
        start = len(self.folder.prefix + self._prefix(day))
        return {found.key[start:]: found for found in self.folder.objects(self._prefix(day)) if found.key[start:]}

    def _capture_file(self, archive: Archive, name: str, found: S3Object) -> CapturedFile:
        if "/" in name:
            return refused_file(name, "is in a folder of its own where a file is expected")
        if found.storage_class in FROZEN:
            return refused_file(
                name, f"is in the storage class {found.storage_class}, out of which it must be restored"
            )
        return archive.add(name, self.folder.chunks(found), stands_at=found)


def _noted(landed: dict[str, S3Object]) -> Listing:
    listing = Listing()
    for name, found in landed.items():
        _note(listing, name, found)
    return listing


def _note(listing: Listing, name: str, found: S3Object) -> None:
    listing.add(name, found.changed_at, found.size, found.etag)
