"""The archive: every delivery's bytes, kept under their own hash before anything reads them.

    objects/ab/<sha256>                                     the bytes of a file
    deliveries/<source>/<region>/<day>/<fingerprint>.json   the files of a delivery, as read (`manifest`)
    deliveries/<source>/<region>/<day>/journal/...          in which order deliveries came, and their fate (`journal`)
    damaged/...                                             what was found damaged when the right bytes came again

In a folder or, by the same names, in an object store (`storage`). Nothing is ever deleted, and bytes are held against
their hash before they are read. A file's bytes pass through this machine once, to be hashed and then read: no object is
given other bytes than its name says. Where bytes come from belongs to `sources`, what they mean to `intake`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidegate.archive.journal import Event, History, Stored
from tidegate.archive.manifest import (
    DELIVERIES,
    Captured,
    CapturedFile,
    DeliveryDay,
    delivery_day_of,
    delivery_folder,
    fingerprint_of,
    manifest_name,
    read_manifest,
    write_manifest,
)
from tidegate.errors import TidegateError
from tidegate.storage.files import BLOCK, Files, Segment, Storage, StoredFile
from tidegate.window import A_DAY, day_named

# Where a folder's half-written files are.
DRAFTS = "incoming"

# Streams are not looked back for further: it takes a question a month.
MOST_YEARS_BACK = dt.timedelta(days=5 * 366)

_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Original:
    """The file that bytes are streamed from, for an archive that can copy it where it is."""

    storage: Files
    file: StoredFile


class Archive:
    """Safe for several threads and processes at once. `scratch` keeps this process's copies of objects that are on a
    network, and is the caller's to remove.

    Raises ArchiveDownError when it cannot be reached, OSError when a disk has no room, TidegateError otherwise.
    """

    def __init__(self, storage: Storage, scratch: Path) -> None:
        self._storage = storage
        self._scratch = scratch / "archive"
        # Whether every question to it takes its time on a network.
        self.is_far = storage.is_far

    def add(self, name: str, chunks: Iterable[bytes], original: Original | None = None) -> CapturedFile:
        """Keep a file's bytes as they stream in; call `settle` before relying on it.

        What `chunks` raises comes through, with nothing kept.
        """
        with self._storage.draft(self._made_scratch()) as draft:
            file = CapturedFile(name, *_write(chunks, draft))
            self._keep(draft, file, original)
        return file

    def adopt(self, name: str, path: Path) -> CapturedFile:
        """Keep a finished file, which stays where it is; as `add`."""
        with path.open("rb") as stream:
            return self.add(name, iter(lambda: stream.read(BLOCK), b""))

    def enter(self, source: str, region: str, day: dt.date, files: Sequence[CapturedFile]) -> Captured:
        """Write the manifest that makes files, in the order of reading, a delivery."""
        fingerprint = fingerprint_of(files)
        manifest = manifest_name(source, region, day, fingerprint)
        captured = Captured(source, region, day, fingerprint, tuple(files), manifest)
        # First: once the manifest is there, so is its place in the order.
        self.note("captured", captured)
        self._write_manifest(captured)
        return captured

    def note(self, event: Event, captured: Captured) -> None:
        """Write down in the journal what happened to a delivery, unless that is what it says already."""
        entry = self.history(captured.source, captured.region, captured.day).next_entry(event, captured.fingerprint)
        if entry:
            folder = delivery_folder(captured.source, captured.region, captured.day)
            self._write(f"{folder}/{entry.name}", b"")

    def history(self, source: str, region: str, day: dt.date) -> History:
        """The deliveries of that day, in order, and what became of them."""
        folder = delivery_folder(source, region, day)
        return History.of(
            Stored(file.name.removeprefix(f"{folder}/"), file.written_at.timestamp())
            for file in self._storage.files(folder)
        )

    def histories(self) -> dict[DeliveryDay, History]:
        """`history` of every source, region and day that was ever delivered."""
        stored: dict[DeliveryDay, list[Stored]] = defaultdict(list)
        for file in self._storage.files(DELIVERIES):
            if found := delivery_day_of(file.name):
                key, rest = found
                stored[key].append(Stored(rest, file.written_at.timestamp()))
        return {key: History.of(files) for key, files in stored.items()}

    def months(self, source: str, region: str, day: dt.date, until: dt.date | None = None) -> Iterator[list[dt.date]]:
        """The days that something was noted of, month by month, from that of `day` back; to that of `until`, or as far
        as there may be any."""
        above = [Segment(name) for name in (DELIVERIES, source, region)]
        first = (until or day - MOST_YEARS_BACK).replace(day=1)
        month = day.replace(day=1)
        while month >= first:
            places = self._storage.places([*above, Segment(f"{month:%Y-%m}-", A_DAY)])
            yield [found for name, _ in places if (found := day_named(name.rpartition("/")[2]))]
            month = (month - dt.timedelta(days=1)).replace(day=1)

    def recall(self, manifest: str) -> Captured:
        """The delivery of a manifest. Raises TidegateError when something of it is gone or damaged."""
        captured = self.described(manifest)
        for file in captured.files:
            if not file.refused:
                self._verify(file)
        return captured

    def described(self, manifest: str) -> Captured:
        """As `recall`, without a look at the bytes of its files."""
        try:
            content = self._storage.read(manifest)
            if content is None:
                raise FileNotFoundError(f"there is no {self._storage.address(manifest)}")
            return read_manifest(manifest, content)
        except (OSError, ValueError) as error:
            raise TidegateError(
                f"The archive's {manifest} cannot be read ({error}). Nothing was changed. "
                f"Restore it from a backup of {self._storage.place}, or deliver the files again."
            ) from error

    def local(self, file: CapturedFile) -> Path:
        """A file of this machine with the bytes of `file`."""
        return self._storage.local(object_name(file.sha256)) or self._fetched(file)

    def settle(self) -> None:
        """Return when everything captured would survive a power cut."""
        self._storage.settle()

    # --- keeping

    def _keep(self, draft: Path, file: CapturedFile, original: Original | None) -> None:
        """Put a file among the objects. One of other bytes that stands in its place is set aside."""
        name = object_name(file.sha256)
        found = self._storage.find(name)
        is_there = found is not None and self._has_bytes_of(found, draft, file)
        if found is not None and not is_there:
            self._set_aside(name)
        elif original and not is_there:
            is_there = self._storage.copy_from(original.storage, original.file, name)
        if not is_there:
            self._storage.put({name: draft}, settled=False)
        if self._storage.local(name) is None:
            draft.rename(self._copy_of(file.sha256))

    def _has_bytes_of(self, found: StoredFile, draft: Path, file: CapturedFile) -> bool:
        """Whether an object has the bytes of a file.

        The ETag of an object that S3 wrote in one piece is the MD5 of its bytes, which saves fetching it; of others it
        says nothing.
        """
        if found.size != file.bytes:
            return False
        if here := self._storage.local(found.name):
            return _hash_of(here, "sha256") == file.sha256
        return (_MD5.fullmatch(found.etag) is not None and found.etag == _hash_of(draft, "md5")) or (
            _hash_of_chunks(self._storage.chunks(found)) == file.sha256
        )

    def _write_manifest(self, captured: Captured) -> None:
        """Unless it is there and sound; one that is damaged is set aside, because now its content is known."""
        name = captured.manifest
        content = self._storage.read(name)
        if content is not None:
            try:
                read_manifest(name, content)
            except ValueError:
                self._set_aside(name)
            else:
                return
        self._write(name, write_manifest(captured).encode("ascii"))

    def _write(self, name: str, content: bytes) -> None:
        with self._storage.draft(self._made_scratch()) as draft:
            draft.write_bytes(content)
            self._storage.put({name: draft}, settled=False)

    def _set_aside(self, name: str) -> None:
        """Keep a damaged file in `damaged`, before what it should be takes its place."""
        found = self._storage.find(name)
        if found is None:
            return
        # A copy: whoever reads meanwhile finds either what was there or what takes its place.
        with self._storage.draft(self._made_scratch()) as draft:
            _write(self._storage.chunks(found), draft)
            self._storage.put({_aside_name(name): draft}, settled=False)

    # --- reading again

    def _verify(self, file: CapturedFile) -> None:
        """Raises TidegateError unless the object has the bytes that its name says."""
        name = object_name(file.sha256)
        here = self._storage.local(name)
        if here is None:
            self._fetched(file)
            return
        found = self._storage.find(name)
        if found is None or found.size != file.bytes or _hash_of(here, "sha256") != file.sha256:
            raise self._damaged(name)

    def _fetched(self, file: CapturedFile) -> Path:
        """This process's copy of an object that is on a network."""
        copy, name = self._copy_of(file.sha256), object_name(file.sha256)
        if copy.exists():
            return copy
        found = self._storage.find(name)
        if found is None or found.size != file.bytes:
            raise self._damaged(name)
        with self._storage.draft(self._made_scratch()) as draft:
            if _write(self._storage.chunks(found), draft)[0] != file.sha256:
                raise self._damaged(name)
            draft.rename(copy)
        return copy

    def _copy_of(self, sha256: str) -> Path:
        return self._scratch / sha256

    def _made_scratch(self) -> Path | None:
        """Where copies are, if there are any to be."""
        if not self.is_far:
            return None
        self._scratch.mkdir(parents=True, exist_ok=True)
        return self._scratch

    def _damaged(self, name: str) -> TidegateError:
        return TidegateError(
            f"The archived file {self._storage.address(name)} is gone or is not what was archived. Nothing was "
            "changed. Restore it from a backup, or deliver the files again, which puts the damaged one aside."
        )


def refused_file(name: str, why: str) -> CapturedFile:
    """A file that must not be opened, or cannot be. The refusal takes the place of its bytes, so that a fixed
    file is another delivery."""
    return CapturedFile(name, hashlib.sha256(b"refused: " + why.encode()).hexdigest(), refused=why)


def object_name(sha256: str) -> str:
    """Where an object stands below the archive's root."""
    return f"objects/{sha256[:2]}/{sha256}"


def _aside_name(name: str) -> str:
    """Where a damaged file is kept: no two get the same name."""
    return f"damaged/{name.replace('/', '.')}.{secrets.token_hex(4)}"


def _hash_of(path: Path, algorithm: str) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


def _hash_of_chunks(chunks: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def _write(chunks: Iterable[bytes], target: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with target.open("xb") as copy:
        for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            copy.write(chunk)
    return digest.hexdigest(), size
