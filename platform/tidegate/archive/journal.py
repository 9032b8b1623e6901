"""In which order a day's deliveries came and what became of each, as the archive itself remembers it.

    deliveries/<source>/<region>/<day>/journal/000001.captured.<fingerprint>
    deliveries/<source>/<region>/<day>/journal/000002.rejected.<fingerprint>

An entry is a file without content, written once; its name says everything. So the journal is read by listing, and a
copy of the archive that lost the files' times loses nothing. Deliveries archived before there was a journal have no
entries: they count as older than those that have, and among themselves their files' times decide.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Self, TypeAlias

# `interim`: accepted, and read before its day had ended.
Event: TypeAlias = Literal["captured", "interim", "accepted", "rejected"]

_ENTRY = re.compile(
    r"journal/(?P<number>\d{6,9})\.(?P<event>captured|interim|accepted|rejected)\.(?P<fingerprint>[0-9a-f]{64})"
)
_MANIFEST = re.compile(r"(?P<fingerprint>[0-9a-f]{64})\.json")


@dataclass(frozen=True)
class Stored:
    """A file below a folder of the archive: its name there, and when it was written as far as that is known."""

    name: str
    written_at: float


@dataclass(frozen=True, order=True)
class Entry:
    """One entry of a journal; `number` puts it behind those with smaller ones."""

    number: int
    event: str
    fingerprint: str

    @property
    def name(self) -> str:
        """Below the folder of the day's deliveries."""
        return f"journal/{self.number:06}.{self.event}.{self.fingerprint}"


@dataclass(frozen=True)
class History:
    """The deliveries of one region and day: `archived` by fingerprint, oldest first, and the journal's `entries`."""

    archived: tuple[str, ...]
    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, stored: Iterable[Stored]) -> Self:
        """What a listing of the folder of the day's deliveries tells; other files in it are ignored."""
        entries, times = [], {}
        for file in stored:
            if entry := _ENTRY.fullmatch(file.name):
                entries.append(Entry(int(entry["number"]), entry["event"], entry["fingerprint"]))
            elif manifest := _MANIFEST.fullmatch(file.name):
                times[manifest["fingerprint"]] = file.written_at
        # By its newest capture: a delivery may come again after another one. By any entry where it has no capture.
        by_capture = sorted(entries, key=lambda entry: (entry.event == "captured", entry.number))
        place = {entry.fingerprint: entry.number for entry in by_capture}
        in_order = sorted(times, key=lambda fingerprint: (place.get(fingerprint, 0), times[fingerprint]))
        return cls(tuple(in_order), tuple(sorted(entries)))

    def fate(self, fingerprint: str) -> str | None:
        """The last thing that happened to a delivery; None when nothing was written down."""
        return next((entry.event for entry in reversed(self.entries) if entry.fingerprint == fingerprint), None)

    @property
    def unjudged(self) -> str | None:
        """The newest delivery, if it was captured and never committed since."""
        newest = self.archived[-1] if self.archived else None
        return newest if newest and self.fate(newest) == "captured" else None

    def to_load(self, known: str | None) -> str | None:
        """The delivery to load when its source no longer has one; None when there is none.

        `known` is the newest that the ledger knows. The archive may know better: a run may have died between capture
        and commit, and a ledger may be lost or put back from a backup. A delivery that was rejected does not hide
        the good one before it, unless the ledger knows it, because then that one's rows are in the lake.
        """
        if not self.archived:
            return known
        newest = self.archived[-1]
        if self.unjudged or known == newest:
            return newest
        if known and self.fate(newest) is None:
            return known
        good = [fingerprint for fingerprint in self.archived if self.fate(fingerprint) != "rejected"]
        return (good or self.archived)[-1]

    def next_entry(self, event: Event, fingerprint: str) -> Entry | None:
        """The entry to write when this happens to a delivery; None when it would repeat what is written."""
        last_captured = next((e.fingerprint for e in reversed(self.entries) if e.event == "captured"), None)
        is_known = last_captured == fingerprint if event == "captured" else self.fate(fingerprint) == event
        return None if is_known else Entry(self.entries[-1].number + 1 if self.entries else 1, event, fingerprint)
