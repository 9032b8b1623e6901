"""The archive: every delivery's bytes, kept under their own hash before anything reads them.

    objects/ab/<sha256>                                     the bytes of a file, never written again
    deliveries/<source>/<region>/<day>/<fingerprint>.json   the files of a delivery, in the order of reading

In a folder or, by the same names, in S3 (`s3_archive`). Where bytes come from is an `origin`'s knowledge, what they
mean is `readers`'.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.errors import TidegateError

if TYPE_CHECKING:
    from tidegate.s3 import S3Object

# 1 MiB: larger blocks leave the processor's cache between reading, hashing and writing them.
BLOCK = 1 << 20

# No copy takes this many seconds; another process may still be at a younger file.
A_DAY = 86_400


@dataclass(frozen=True)
class CapturedFile:
    """A data file of a delivery. `sha256` names its bytes, or stands for the refusal when there are none."""

    name: str
    sha256: str
    bytes: int = 0
    refused: str | None = None

    @property
    def shown_name(self) -> str:
        """The name as text; bytes of it that are no UTF-8 show as `\\xff`."""
        return self.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class Captured:
    """A delivery in the archive. `manifest` is relative to the archive's root.

    `listing` is what its origin told of it before it was captured, None when it was not captured just now.
    """

    source: str
    region: str
    day: dt.date
    fingerprint: str
    files: tuple[CapturedFile, ...]
    manifest: str
    listing: str | None = None

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)


def fingerprint_of(files: Iterable[CapturedFile]) -> str:
    """One hash of a delivery's file names and bytes: equal exactly when those are."""
    digest = hashlib.sha256()
    for name, sha256 in sorted((os.fsencode(file.name), file.sha256) for file in files):
        digest.update(name + b"\0" + sha256.encode() + b"\n")
    return digest.hexdigest()


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
        manifest = f"{_delivery_folder(source, region, day)}/{fingerprint}.json"
        captured = Captured(source, region, day, fingerprint, tuple(files), manifest)
        self._write_once(manifest, _manifest_text(captured))
        return captured

    def recall(self, manifest: str) -> Captured:
        """The delivery of a manifest. Raises TidegateError when something of it is gone or damaged."""
        try:
            content = json.loads(self._read(manifest))
        except (OSError, ValueError) as error:
            raise TidegateError(
                f"The archive's {manifest} cannot be read ({error}). Nothing was changed. "
                f"Restore it from a backup of {self.place}, or deliver the files again."
            ) from error
        files = tuple(CapturedFile(**file) for file in content.pop("files"))
        for file in files:
            if not file.refused:
                self._verify(file)
        day = dt.date.fromisoformat(content.pop("day"))
        return Captured(**content, day=day, files=files, manifest=manifest)

    def newest_manifest(self, source: str, region: str, day: dt.date) -> str | None:
        """The delivery of that day captured last, for when the ledger knows of none."""
        return self._newest_in(_delivery_folder(source, region, day))

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
        """Put a file among the objects. One of other bytes that stands in its place stays, and is told."""

    @abstractmethod
    def _write_once(self, name: str, text: str) -> None:
        """Write a manifest that is not there yet; what one says follows from its name."""

    @abstractmethod
    def _read(self, name: str) -> bytes:
        """A manifest's bytes. Raises OSError when it is gone."""

    @abstractmethod
    def _verify(self, file: CapturedFile) -> None:
        """Raises TidegateError unless the object has the bytes that its name says."""

    @abstractmethod
    def _newest_in(self, folder: str) -> str | None:
        """The manifest of `folder` written last."""

    def _damaged(self, place: str) -> TidegateError:
        return TidegateError(
            f"The archived file {place} is gone or is not what was archived. Nothing was changed. "
            "Restore it from a backup, or move it away and deliver the files again."
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
            _sync(self._unsynced.pop())
        self._sweep()

    def _sweep(self) -> None:
        """Remove what captures left behind that were killed long ago."""
        long_ago = time.time() - A_DAY
        for path in (self.root / "incoming").glob("*"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < long_ago:
                    path.unlink()

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        with temporary_in(self.root / "incoming") as path:
            yield path

    def _keep(self, temporary: Path, sha256: str, size: int, stands_at: S3Object | None) -> None:
        final = self.object_path(sha256)
        with suppress(FileNotFoundError):
            if final.stat().st_size != size:
                raise self._damaged(str(final))
            return
        self._move(temporary, final)

    def _write_once(self, name: str, text: str) -> None:
        if not (self.root / name).exists():
            with self._temporary() as temporary:
                temporary.write_text(text, encoding="ascii")
                self._move(temporary, self.root / name)

    def _move(self, temporary: Path, final: Path) -> None:
        _sync(temporary)
        # A folder made anew must be synced in its parent too, up to the archive's root.
        missing = [folder for folder in final.parents if not folder.is_dir()]
        final.parent.mkdir(parents=True, exist_ok=True)
        self._unsynced.update({final.parent, *(folder.parent for folder in missing)})
        temporary.rename(final)

    def _read(self, name: str) -> bytes:
        return (self.root / name).read_bytes()

    def _verify(self, file: CapturedFile) -> None:
        path = self.object_path(file.sha256)
        try:
            intact = path.stat().st_size == file.bytes and sha256_of(path) == file.sha256
        except FileNotFoundError:
            intact = False
        if not intact:
            raise self._damaged(str(path))

    def _newest_in(self, folder: str) -> str | None:
        manifests = list((self.root / folder).glob("*.json"))
        if not manifests:
            return None
        newest = max(manifests, key=lambda path: path.stat().st_mtime_ns)
        return str(newest.relative_to(self.root))


def refused_file(name: str, why: str) -> CapturedFile:
    """A file that must not be opened, or cannot be. The refusal takes the place of its bytes, so that a mended
    file is another delivery."""
    return CapturedFile(name, hashlib.sha256(b"refused: " + why.encode()).hexdigest(), refused=why)


def object_name(sha256: str) -> str:
    """Where an object stands below the archive's root."""
    return f"objects/{sha256[:2]}/{sha256}"


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def temporary_in(folder: Path) -> Iterator[Path]:
    """The path of a new file in `folder`, gone afterwards unless it was moved away."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{os.getpid()}-{secrets.token_hex(8)}"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _delivery_folder(source: str, region: str, day: dt.date) -> str:
    # The contract allows neither of the names to hold anything that means something in a path.
    return f"deliveries/{source}/{region}/{day.isoformat()}"


def _manifest_text(captured: Captured) -> str:
    content = {
        "source": captured.source,
        "region": captured.region,
        "day": captured.day.isoformat(),
        "fingerprint": captured.fingerprint,
        "files": [vars(file) for file in captured.files],
    }
    return json.dumps(content, indent=1) + "\n"


def _write(chunks: Iterable[bytes], target: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with target.open("xb") as copy:
        for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            copy.write(chunk)
    return digest.hexdigest(), size


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
