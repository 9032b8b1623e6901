"""The archive in S3. A file's bytes pass through this machine once, to be hashed and then read.

No object is ever given other bytes than its name says: what is uploaded was hashed here, and what is copied inside of
S3 is held against what was hashed here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tidegate.archive.archive import Archive, aside_name, object_name, sha256_of, temporary_in
from tidegate.archive.journal import Stored
from tidegate.archive.manifest import CapturedFile
from tidegate.storage.s3 import S3Folder, S3Object


class S3Archive(Archive):
    """The archive below a prefix. `scratch` keeps this process's copies of objects, and is the caller's to remove."""

    is_far = True

    def __init__(self, folder: S3Folder, scratch: Path) -> None:
        self.folder = folder
        self.place = folder.address()
        self._scratch = scratch / "archive"

    def local(self, file: CapturedFile, scratch: Path) -> Path:
        path = self._copy_of(file.sha256)
        if not path.exists():
            self._download(file, path)
        return path

    def settle(self) -> None:
        """S3 answers a write when it is safe."""

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        with temporary_in(self._scratch) as path:
            yield path

    def _keep(self, temporary: Path, sha256: str, size: int, stands_at: S3Object | None) -> None:
        name = object_name(sha256)
        found = self.folder.head(name)
        if found is None:
            self._put(temporary, name, size, stands_at)
        elif not self._has_bytes_of(found, temporary, sha256, size):
            self._set_aside(name)
            self.folder.upload(temporary, name)
        temporary.rename(self._copy_of(sha256))

    def _has_bytes_of(self, found: S3Object, path: Path, sha256: str, size: int) -> bool:
        """Whether an object has the bytes of a file, whose hash and size are known.

        The ETag of an object that was written in one piece is the MD5 of its bytes, which saves fetching it; of others
        it says nothing.
        """
        if found.size != size:
            return False
        return found.etag == _md5_of(path) or self._hash_of(found) == sha256

    def _hash_of(self, found: S3Object) -> str:
        digest = hashlib.sha256()
        for chunk in self.folder.chunks(found):
            digest.update(chunk)
        return digest.hexdigest()

    def _put(self, path: Path, name: str, size: int, stands_at: S3Object | None) -> None:
        if stands_at is None or not self._copied(stands_at, name, size):
            self.folder.upload(path, name)

    def _copied(self, listed: S3Object, name: str, size: int) -> bool:
        """Copy inside of S3; whether the copy is known to have the bytes that were listed, and hashed here.

        A copy of parts or an encrypted one has an ETag of its own. Then the condition on copying says it, which some
        servers ignore; there the original, looked at again, does.
        """
        if self.folder.copy(listed, name) == listed.etag:
            return True
        copy, original = self.folder.head(name), self.folder.look(listed.bucket, listed.key)
        return copy is not None and copy.size == size and original is not None and original.etag == listed.etag

    def _put_file(self, temporary: Path, name: str) -> None:
        self.folder.upload(temporary, name)

    def _touch(self, name: str) -> None:
        with self._temporary() as temporary:
            temporary.touch()
            self.folder.upload(temporary, name)

    def _set_aside(self, name: str) -> None:
        found = self.folder.head(name)
        if found is None:
            return
        with self._temporary() as temporary:
            with temporary.open("xb") as stream:
                stream.writelines(self.folder.chunks(found))
            self.folder.upload(temporary, aside_name(name))

    def _read(self, name: str) -> bytes:
        found = self.folder.head(name)
        if found is None:
            raise FileNotFoundError(f"there is no {self.folder.address(name)}")
        return b"".join(self.folder.chunks(found))

    def _verify(self, file: CapturedFile) -> None:
        self.local(file, self._scratch)

    def _download(self, file: CapturedFile, path: Path) -> None:
        name = object_name(file.sha256)
        found = self.folder.head(name)
        if found is None or found.size != file.bytes:
            raise self._damaged(self.folder.address(name))
        with self._temporary() as temporary:
            with temporary.open("xb") as stream:
                stream.writelines(self.folder.chunks(found))
            if sha256_of(temporary) != file.sha256:
                raise self._damaged(found.address)
            temporary.rename(path)

    def _stored(self, folder: str) -> list[Stored]:
        start = len(f"{self.folder.prefix}{folder}/")
        return [Stored(found.key[start:], found.changed_at.timestamp()) for found in self.folder.objects(f"{folder}/")]

    def _copy_of(self, sha256: str) -> Path:
        return self._scratch / sha256


def _md5_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
