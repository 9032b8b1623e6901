"""The archive: every delivery's bytes, kept under their own hash before anything reads them.

    objects/ab/<sha256>                                     the bytes of a file, never written again
    deliveries/<source>/<region>/<day>/<fingerprint>.json   the files of a delivery, in the order of reading

Where bytes come from is an `origin`'s knowledge, what they mean is `readers`'.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tidegate.errors import TidegateError

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


class Archive:
    """The archive in the folder `root`. Safe for several processes at once."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._unsynced: set[Path] = set()

    def object_path(self, sha256: str) -> Path:
        return self.root / "objects" / sha256[:2] / sha256

    def add(self, name: str, chunks: Iterable[bytes]) -> CapturedFile:
        """Keep a file's bytes as they stream in; call `settle` before relying on it.

        What `chunks` raises comes through, with nothing kept. Raises OSError when there is no room.
        """
        with self._temporary() as temporary:
            sha256, size = _write(chunks, temporary)
            self._keep(temporary, sha256, size)
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
        final = self.root / manifest
        if not final.exists():
            with self._temporary() as temporary:
                temporary.write_text(_manifest_text(captured), encoding="ascii")
                _sync(temporary)
                self._rename(temporary, final)
        return captured

    def local(self, file: CapturedFile, scratch: Path) -> Path:
        """A file of this machine with the bytes of `file`; `scratch` is where one may be made."""
        return self.object_path(file.sha256)

    def settle(self) -> None:
        """Return when everything captured would survive a power cut."""
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

    def recall(self, manifest: str) -> Captured:
        """The delivery of a manifest. Raises TidegateError when something of it is gone or damaged."""
        path = self.root / manifest
        try:
            content = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise TidegateError(
                f"The archive's {manifest} cannot be read ({error}). Nothing was changed. "
                f"Restore it from a backup of {self.root}, or deliver the files again."
            ) from error
        files = tuple(CapturedFile(**file) for file in content.pop("files"))
        self._check_objects(files)
        day = dt.date.fromisoformat(content.pop("day"))
        return Captured(**content, day=day, files=files, manifest=manifest)

    def newest_manifest(self, source: str, region: str, day: dt.date) -> str | None:
        """The delivery of that day captured last, for when the ledger knows of none."""
        manifests = list((self.root / _delivery_folder(source, region, day)).glob("*.json"))
        if not manifests:
            return None
        newest = max(manifests, key=lambda path: path.stat().st_mtime_ns)
        return str(newest.relative_to(self.root))

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        folder = self.root / "incoming"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{os.getpid()}-{secrets.token_hex(8)}"
        try:
            yield path
        finally:
            with suppress(FileNotFoundError):
                path.unlink()

    def _keep(self, temporary: Path, sha256: str, size: int) -> None:
        final = self.object_path(sha256)
        with suppress(FileNotFoundError):
            self._check_size(final, sha256, size)
            return
        _sync(temporary)
        self._rename(temporary, final)

    def _rename(self, temporary: Path, final: Path) -> None:
        # A folder made anew must be synced in its parent too, up to the archive's root.
        missing = [folder for folder in final.parents if not folder.is_dir()]
        final.parent.mkdir(parents=True, exist_ok=True)
        self._unsynced.update({final.parent, *(folder.parent for folder in missing)})
        temporary.rename(final)

    def _check_objects(self, files: Iterable[CapturedFile]) -> None:
        for file in files:
            if file.refused:
                continue
            path = self.object_path(file.sha256)
            try:
                self._check_size(path, file.sha256, file.bytes)
                with path.open("rb") as stream:
                    intact = hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256
            except FileNotFoundError:
                intact = False
            if not intact:
                raise self._damaged(file.sha256)

    def _check_size(self, path: Path, sha256: str, size: int) -> None:
        if path.stat().st_size != size:
            raise self._damaged(sha256)

    def _damaged(self, sha256: str) -> TidegateError:
        path = self.object_path(sha256)
        return TidegateError(
            f"The archived file {path} is gone or is not what was archived. Nothing was changed. "
            "Restore it from a backup, or move it away and deliver the files again."
        )


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


def refused_file(name: str, why: str) -> CapturedFile:
    """A file that must not be opened, or cannot be. The refusal takes the place of its bytes, so that a mended
    file is another delivery."""
    return CapturedFile(name, hashlib.sha256(b"refused: " + why.encode()).hexdigest(), refused=why)


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
