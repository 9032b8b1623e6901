"""Deliveries that are dropped into a folder or a bucket: capturing one, and listing all that are there.

What stands in landing is hostile: names, links, things that are no files. What may be opened, and how, is known to the
kind of `storage`, where the bytes are kept to `archive`. A name is shown, compared and hashed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from tidegate.archive.archive import Archive, Original, refused_file
from tidegate.archive.manifest import Captured, CapturedFile
from tidegate.contract.day_path import DayPath
from tidegate.contract.landing import ALL_FILES, ChosenFiles
from tidegate.contract.model import Readiness
from tidegate.errors import IncompleteError
from tidegate.sources.listing import Choice, Listing, only_the_marker
from tidegate.sources.origin import Arrival
from tidegate.storage.files import Files, Segment, StoredFile, StoredFolder, UnopenableError

_GO_DEEP = "Files in folders of the day's folder count where `files` says so, such as `files: ['**']`"


@dataclass
class _Landed:
    """What stands at one day's places: its files by the names that a delivery gives them, and what they amount to."""

    listing: Listing
    files: dict[str, StoredFile] = field(default_factory=dict)
    # Those that are data, with their names in their folder.
    data: dict[str, str] = field(default_factory=dict)
    # Places that must not be looked into, by name; why.
    refused: dict[str, str] = field(default_factory=dict)
    # Where something else stands that should be a folder.
    no_folder: str | None = None
    is_in_shared_folder: bool = False


class DroppedOrigin:
    """Where a region's files land in a storage; each path holds a day."""

    def __init__(
        self,
        storage: Files,
        region: str,
        paths: Sequence[DayPath],
        readiness: Readiness,
        chosen: ChosenFiles = ALL_FILES,
    ) -> None:
        self.storage = storage
        self.region = region
        self.paths = tuple(paths)
        self.readiness = readiness
        self.chosen = chosen
        self.is_far = storage.is_far
        # Each looked for in places of its own: data, and markers that stand beside each file of a shared folder.
        self._looked_for = (*self.paths, *_markers_beside(self.paths, chosen))
        # Where the one marker of a day stands that is not simply in the day's folder.
        self._marker = _marker_of_a_day(self.paths[0], chosen) if readiness.rule == "marker" else None
        self._choice = Choice(chosen, None if self._marker else chosen.marker)
        # Whether a day is found without a look at the others: where names are not known, or far away, all are listed.
        self._is_found_by_day = not storage.is_far and not any(path.has_wildcards for path in self._looked_for)
        self._shared = {path: _shared_parts(path, self.paths) for path in self._looked_for}

    def describe(self, day: dt.date) -> str:
        return " and ".join(self.storage.address(_place(path, day)) for path in self.paths)

    def capture(self, archive: Archive, source: str, day: dt.date) -> Captured | None:
        place, landed = self.describe(day), self._landed(day)
        if landed.no_folder and not landed.listing.entries:
            raise _incomplete(f"{landed.no_folder} is not a folder")
        if landed.refused:
            return archive.enter(
                source, self.region, day, [refused_file(name, why) for name, why in landed.refused.items()]
            )
        listing = landed.listing
        if not listing.entries:
            return None
        if waiting := self._waiting(landed, place):
            raise _incomplete(waiting)
        if not (listing.data_files or listing.has_marker):
            return None
        files = [
            self._capture_file(archive, name, in_folder, landed.files[name])
            for name, in_folder in sorted(landed.data.items())
        ]
        if self._landed(day).files != landed.files:
            raise self.storage.changed(_place(self.paths[0], day))
        marker = self.chosen.marker
        return archive.enter(source, self.region, day, files or [refused_file(marker, only_the_marker(marker))])

    def arrivals(self, days: Collection[dt.date] | None = None) -> Iterator[Arrival]:
        if days is None:
            yield from self._all_arrivals()
        elif self._is_found_by_day:
            for day in days:
                yield from self._arrival(day, self._landed(day))
        else:
            yield from (arrival for arrival in self._all_arrivals() if arrival.day in days)

    def _all_arrivals(self) -> Iterator[Arrival]:
        if len(self.paths) == 1 and not self.paths[0].names_files and not self.paths[0].has_wildcards:
            # Each folder is a day: nothing is kept of one when the next is looked at.
            yield from self._folder_by_folder(self.paths[0])
        else:
            yield from self._all_at_once()

    def arrival(self, day: dt.date) -> Arrival | None:
        return next(self._arrival(day, self._landed(day)), None)

    def _folder_by_folder(self, path: DayPath) -> Iterator[Arrival]:
        marked = self._marked_days()
        for name, folder in self._places(path):
            day = path.day_in(name)
            if day:
                landed = self._nothing_yet(day, day in marked)
                self._note(landed, path, name, folder, keeps=False)
                yield from self._arrival(day, landed)

    def _all_at_once(self) -> Iterator[Arrival]:
        marked = self._marked_days()
        days: dict[dt.date, _Landed] = {}
        for path in self._looked_for:
            for name, folder in self._places(path):
                day = path.day_in(name)
                if day:
                    if day not in days:
                        days[day] = self._nothing_yet(day, day in marked)
                    self._note(days[day], path, name, folder, keeps=False)
        for day, landed in days.items():
            yield from self._arrival(day, landed)

    def _landed(self, day: dt.date) -> _Landed:
        landed = self._nothing_yet(day, self._is_marked(day))
        for path in self._looked_for:
            for name, folder in self._places(path, day):
                self._note(landed, path, name, folder, keeps=True)
        return landed

    def _places(self, path: DayPath, day: dt.date | None = None) -> Iterator[tuple[str, StoredFolder]]:
        segments = [Segment(begins, matches) for begins, matches in path.parts(day)]
        is_of_files = path.names_files or path is self._marker
        return self.storage.places(segments, self.chosen.goes_deep, is_of_files)

    def _nothing_yet(self, day: dt.date, is_marked: bool) -> _Landed:
        marker = self._marker.at(day) if self._marker else self.chosen.marker
        return _Landed(Listing(self._choice, marker, is_marked))

    def _note(self, landed: _Landed, path: DayPath, place: str, folder: StoredFolder, keeps: bool) -> None:
        """Add what stands at a place to the others of its day; the files themselves where they are to be captured."""
        parts = place.split("/")
        shared = self._shared[path]
        if not folder.file and shared == len(parts) - 1 and not path.has_wildcards:
            # A folder that is named like a file is the day's own.
            shared = len(parts)
        start = sum(len(part) + 1 for part in parts[:shared])
        if folder.refused:
            landed.refused[place.rpartition("/")[2]] = folder.refused
        elif folder.file and not path.names_files:
            # Some tools make an empty object that stands for the folder itself.
            if folder.file.size or not self.is_far:
                landed.no_folder = self.storage.address(f"{place}/")
        elif folder.file:
            landed.is_in_shared_folder = True
            self._note_file(landed, folder.file, start, len(place) - len(place.rpartition("/")[2]), keeps)
        for file in folder.entries:
            self._note_file(landed, file, start, len(folder.prefix), keeps)
        if folder.changed_at:
            landed.listing.note_change(folder.changed_at)

    def _note_file(self, landed: _Landed, file: StoredFile, start: int, folder: int, keeps: bool) -> None:
        name, in_folder = file.name[start:], file.name[folder:]
        if self._marker and self._marker.day_in(file.name):
            return
        landed.listing.add(name, file, in_folder)
        if keeps:
            landed.files[name] = file
            if self._choice.is_data(in_folder):
                landed.data[name] = in_folder

    def _arrival(self, day: dt.date, landed: _Landed) -> Iterator[Arrival]:
        if landed.refused:
            # Nothing is listed outside of landing; loading it tells what is wrong.
            changed_at, refused = landed.listing.changed_at, "".join(landed.refused.values())
            yield Arrival(self.region, day, changed_at, complete=True, fingerprint=refused)
        elif arrival := landed.listing.arrival(self.region, day, self.readiness):
            yield arrival

    def _waiting(self, landed: _Landed, place: str) -> str | None:
        waiting = landed.listing.waiting(place, self.readiness)
        if waiting and landed.is_in_shared_folder and self.readiness.rule == "marker" and not self._says_its_marker:
            return (
                f"{place} is no folder of the day, so no {self.chosen.marker} can say that it is whole. Write "
                "`readiness: quiet` with `quietMinutes`, or as `marker` a name with `{day}` or `{file}`"
            )
        return waiting

    @property
    def _says_its_marker(self) -> bool:
        return self._marker is not None or self.chosen.has_a_marker_each

    def _is_marked(self, day: dt.date) -> bool:
        path = self._marker
        return path is not None and any(folder.file for _, folder in self._places(path, day))

    def _marked_days(self) -> frozenset[dt.date]:
        path = self._marker
        if path is None:
            return frozenset()
        found = self._places(path)
        return frozenset(day for name, folder in found if folder.file and (day := path.day_in(name)))

    def _capture_file(self, archive: Archive, name: str, in_folder: str, file: StoredFile) -> CapturedFile:
        if "/" in in_folder and not self.chosen.goes_deep:
            return refused_file(name, f"is in a folder of its own where a file is expected. {_GO_DEEP}")
        try:
            return archive.add(name, self.storage.chunks(file), Original(self.storage, file))
        except UnopenableError as refusal:
            return refused_file(name, str(refusal))


def _place(path: DayPath, day: dt.date) -> str:
    """Where a day lands as people know it: of keys in a bucket, the beginning."""
    return path.at(day) if path.names_files else f"{path.at(day)}/"


def _shared_parts(path: DayPath, paths: Sequence[DayPath]) -> int:
    """How many of the first parts of a place are no part of its files' names: those that all of a day's files share."""
    if len({other.segments[: len(other.segments) - other.names_files] for other in paths}) > 1:
        return 0
    parts = path.segments
    known = next((number for number, part in enumerate(parts) if "*" in part or "?" in part), len(parts))
    return min(known, len(parts) - path.names_files)


def _marker_of_a_day(path: DayPath, chosen: ChosenFiles) -> DayPath | None:
    """Where a day's marker stands whose name has the day in it."""
    if "{day" not in chosen.marker:
        return None
    if "/" in chosen.marker:
        return DayPath.of(chosen.marker)
    return DayPath.of(f"{_folder_of(path)}{chosen.marker}")


def _markers_beside(paths: Sequence[DayPath], chosen: ChosenFiles) -> list[DayPath]:
    """Where markers of files stand whose folder is shared with other days."""
    if not chosen.has_a_marker_each:
        return []
    return [
        DayPath.of(_folder_of(path) + chosen.marker.replace("{file}", path.text.rpartition("/")[2]))
        for path in paths
        if path.names_files
    ]


def _folder_of(path: DayPath) -> str:
    if not path.names_files:
        return f"{path.text}/"
    return path.text[: len(path.text) - len(path.text.rpartition("/")[2])]


def _incomplete(why: str) -> IncompleteError:
    return IncompleteError(f"{why}. What was loaded before stays; run again when it is complete.")
