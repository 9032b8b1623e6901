"""The archive in S3. A file's bytes pass through this machine once, to be hashed and then read.

No object is ever given other bytes than its name says: what is uploaded was hashed here, and what is copied inside of
S3 is held against what was hashed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tidegate.intake.archive import Archive, CapturedFile, object_name, sha256_of, temporary_in
from tidegate.s3 import S3Folder, S3Object


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
        elif found.size != size:
            raise self._damaged(found.address)
        temporary.rename(self._copy_of(sha256))

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

    def _write_once(self, name: str, text: str) -> None:
        if self.folder.head(name) is None:
            with self._temporary() as temporary:
                temporary.write_text(text, encoding="ascii")
                self.folder.upload(temporary, name)

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

    def _newest_in(self, folder: str) -> str | None:
        manifests = [found for found in self.folder.objects(f"{folder}/") if found.key.endswith(".json")]
        if not manifests:
            return None
        newest = max(manifests, key=lambda found: found.changed_at)
        return newest.key.removeprefix(self.folder.prefix)

    def _copy_of(self, sha256: str) -> Path:
        return self._scratch / sha256
