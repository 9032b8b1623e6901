"""The archive: every delivery's bytes, kept under their own hash before anything reads them.

    objects/ab/<sha256>                                     the bytes of a file
    deliveries/<source>/<region>/<day>/<fingerprint>.json   the files of a delivery, as read (`manifest`)
    deliveries/<source>/<region>/<day>/journal/...          in which order deliveries came, and their fate (`journal`)
    damaged/...                                             what was found damaged when the right bytes came again

In a folder or, by the same names, in S3 (`archive.s3`). Nothing is ever deleted, and bytes are held against their hash
before they are read. Where bytes come from belongs to `sources`, what they mean to `intake`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.archive.journal import Event, History, Stored
from tidegate.archive.manifest import (
    Captured,
    CapturedFile,
    delivery_folder,
    fingerprint_of,
    manifest_name,
    read_manifest,
    write_manifest,
)
from tidegate.errors import TidegateError
from tidegate.machine.disk import sync
from tidegate.machine.processes import is_own_name, own_name

if TYPE_CHECKING:
    from tidegate.storage.s3 import S3Object

# 1 MiB: larger blocks leave the processor's cache between reading, hashing and writing them.
BLOCK = 1 << 20

# No copy takes this many seconds; another process may still be at a younger file.
A_DAY = 86_400


class Archive(ABC):
    """What every archive does alike. Safe for several threads and processes at once.

    Raises ArchiveDownError when it cannot be reached, OSError when a disk has no room, TidegateError otherwise.
    """

    # Where it is, for messages, and whether every question to it takes its time on a network.
    place: str
    is_far: bool

    def add(self, name: str, chunks: Iterable[bytes], stands_at: S3Object | None = None) -> CapturedFile:
        """Keep a file's bytes as they stream in; call `settle` before relying on it.

        `stands_at` is the object in S3 that they are streamed from, for an archive that can copy it there. What
        `chunks` raises comes through, with nothing kept.
        """
        with self._temporary() as temporary:
            sha256, size = _write(chunks, temporary)
            self._keep(temporary, sha256, size, stands_at)
        return CapturedFile(name, sha256, size)

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
            self._touch(f"{delivery_folder(captured.source, captured.region, captured.day)}/{entry.name}")

    def history(self, source: str, region: str, day: dt.date) -> History:
        """The deliveries of that day, in order, and what became of them."""
        return History.of(self._stored(delivery_folder(source, region, day)))

    def recall(self, manifest: str) -> Captured:
        """The delivery of a manifest. Raises TidegateError when something of it is gone or damaged."""
        try:
            captured = read_manifest(manifest, self._read(manifest))
        except (OSError, ValueError) as error:
            raise TidegateError(
                f"The archive's {manifest} cannot be read ({error}). Nothing was changed. "
                f"Restore it from a backup of {self.place}, or deliver the files again."
            ) from error
        for file in captured.files:
            if not file.refused:
                self._verify(file)
        return captured

    def _write_manifest(self, captured: Captured) -> None:
        """Unless it is there and sound; one that is damaged is set aside, because now its content is known."""
        try:
            read_manifest(captured.manifest, self._read(captured.manifest))
        except FileNotFoundError:
            pass
        except ValueError:
            self._set_aside(captured.manifest)
        else:
            return
        with self._temporary() as temporary:
            temporary.write_text(write_manifest(captured), encoding="ascii")
            self._put_file(temporary, captured.manifest)

    @abstractmethod
    def local(self, file: CapturedFile, scratch: Path) -> Path:
        """A file of this machine with the bytes of `file`; `scratch` is where one may be made."""

    @abstractmethod
    def settle(self) -> None:
        """Return when everything captured would survive a power cut."""

    @abstractmethod
    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        """The path of a new file of this machine, gone afterwards unless it was moved away."""

    @abstractmethod
    def _keep(self, temporary: Path, sha256: str, size: int, stands_at: S3Object | None) -> None:
        """Put a file among the objects. One of other bytes that stands in its place is set aside."""

    @abstractmethod
    def _put_file(self, temporary: Path, name: str) -> None:
        """Write a file of this machine, which may be moved, to a name of the archive."""

    @abstractmethod
    def _touch(self, name: str) -> None:
        """Write a file without content."""

    @abstractmethod
    def _set_aside(self, name: str) -> None:
        """Keep a damaged file in `damaged`, before what it should be takes its place."""

    @abstractmethod
    def _read(self, name: str) -> bytes:
        """A manifest's bytes. Raises FileNotFoundError when it is gone."""

    @abstractmethod
    def _verify(self, file: CapturedFile) -> None:
        """Raises TidegateError unless the object has the bytes that its name says."""

    @abstractmethod
    def _stored(self, folder: str) -> list[Stored]:
        """The files below `folder`."""

    def _damaged(self, place: str) -> TidegateError:
        return TidegateError(
            f"The archived file {place} is gone or is not what was archived. Nothing was changed. "
            "Restore it from a backup, or deliver the files again, which puts the damaged one aside."
        )


class FolderArchive(Archive):
    """The archive in the folder `root`."""

    is_far = False

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.place = str(self.root)
        self._unsynced: set[Path] = set()

    def object_path(self, sha256: str) -> Path:
        return self.root / object_name(sha256)

    def local(self, file: CapturedFile, scratch: Path) -> Path:
        return self.object_path(file.sha256)

    def settle(self) -> None:
        while self._unsynced:
            sync(self._unsynced.pop())
        self._sweep()

    def _sweep(self) -> None:
        """Remove what captures left behind that were killed long ago, by the names that they give."""
        long_ago = time.time() - A_DAY
        for path in (self.root / "incoming").glob("*"):
            with suppress(FileNotFoundError):
                if is_own_name(path.name) and path.stat().st_mtime < long_ago:
                    path.unlink()

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        with temporary_in(self.root / "incoming") as path:
            yield path

    def _keep(self, temporary: Path, sha256: str, size: int, stands_at: S3Object | None) -> None:
        name = object_name(sha256)
        if (self.root / name).exists():
            if self._is_intact(self.root / name, sha256, size):
                return
            self._set_aside(name)
        self._put_file(temporary, name)

    def _put_file(self, temporary: Path, name: str) -> None:
        sync(temporary)
        self._make_folder((self.root / name).parent)
        temporary.rename(self.root / name)

    def _touch(self, name: str) -> None:
        self._make_folder((self.root / name).parent)
        (self.root / name).touch()

    def _set_aside(self, name: str) -> None:
        # A copy: whoever reads meanwhile finds either what was there or what takes its place.
        aside = self.root / aside_name(name)
        aside.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.root / name, aside)

    def _make_folder(self, folder: Path) -> None:
        """Make a folder in which something is written, and have it synced."""
        # A new folder must be synced in its parent too, up to the archive's root.
        missing = [new for new in (folder, *folder.parents) if not new.is_dir()]
        folder.mkdir(parents=True, exist_ok=True)
        self._unsynced.update({folder, *(new.parent for new in missing)})

    def _read(self, name: str) -> bytes:
        return (self.root / name).read_bytes()

    def _verify(self, file: CapturedFile) -> None:
        path = self.object_path(file.sha256)
        if not self._is_intact(path, file.sha256, file.bytes):
            raise self._damaged(str(path))

    def _is_intact(self, path: Path, sha256: str, size: int) -> bool:
        try:
            return path.stat().st_size == size and sha256_of(path) == sha256
        except FileNotFoundError:
            return False

    def _stored(self, folder: str) -> list[Stored]:
        path = self.root / folder
        files = [*path.glob("*.json"), *path.glob("journal/*")]
        return [Stored(str(file.relative_to(path)), file.stat().st_mtime) for file in files]


def refused_file(name: str, why: str) -> CapturedFile:
    """A file that must not be opened, or cannot be. The refusal takes the place of its bytes, so that a fixed
    file is another delivery."""
    return CapturedFile(name, hashlib.sha256(b"refused: " + why.encode()).hexdigest(), refused=why)


def object_name(sha256: str) -> str:
    """Where an object stands below the archive's root."""
    return f"objects/{sha256[:2]}/{sha256}"


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def aside_name(name: str) -> str:
    """Where a damaged file is kept: no two get the same name."""
    return f"damaged/{name.replace('/', '.')}.{secrets.token_hex(4)}"


@contextmanager
def temporary_in(folder: Path) -> Iterator[Path]:
    """The path of a new file in `folder`, gone afterwards unless it was moved away."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / own_name()
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _write(chunks: Iterable[bytes], target: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with target.open("xb") as copy:
        for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            copy.write(chunk)
    return digest.hexdigest(), size
