"""What every object store does alike: a key is a name after a prefix, and a write is one that all see at once.

Each kind of store has a class of its own that lists, fetches, writes and deletes objects. A key is text that anybody
may have written: it is shown, compared and hashed, and never becomes a path of this machine.
"""

from __future__ import annotations

import mimetypes
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, groupby, takewhile
from pathlib import Path

from tidegate.errors import IncompleteError, TidegateError
from tidegate.storage.files import Files, Segment, StoredFile, StoredFolder, UnopenableError


class ObjectStorage(ABC):
    """Objects below a prefix of a bucket; `prefix` ends with `/` unless it is the whole bucket.

    `bucket_url` is the bucket's, `setting` what to fix when it is wrong, and `down` the error for a server that cannot
    be reached.
    """

    is_far = True

    def __init__(self, bucket_url: str, prefix: str, setting: str, down: type[TidegateError]) -> None:
        self.bucket_url = bucket_url
        self.prefix = prefix
        self.setting = setting
        self.down = down
        self.place = f"{bucket_url}/{prefix}".rstrip("/")

    def address(self, name: str) -> str:
        return f"{self.bucket_url}/{self.prefix}{name}"

    def files(self, folder: str) -> Iterator[StoredFile]:
        return self.listed(f"{folder}/" if folder else "")

    def places(
        self, path: Sequence[Segment], deep: bool = False, files: bool = False
    ) -> Iterator[tuple[str, StoredFolder]]:
        # All keys below a folder are listed anyway, in folders of it as well.
        if all(segment.matches is None for segment in path):
            name = "/".join(segment.begins for segment in path)
            at_it = self.find(name) if files else None
            yield name, StoredFolder(f"{name}/", _below(f"{name}/", self.listed(f"{name}/")), file=at_it)
            return
        # They come in order: those of a place are together.
        parts = len(path)
        for found, keys in groupby(self.listed(_beginning(path)), key=lambda file: _first_parts(file.name, parts)):
            if found is not None and _is_at(found, path):
                yield found, _place(found, keys)

    def chunks(self, file: StoredFile) -> Iterator[bytes]:
        if file.refused:
            raise UnopenableError(file.refused)
        yield from self.fetched(file)

    def changed(self, name: str) -> IncompleteError:
        return changed(self.address(name))

    def local(self, name: str) -> Path | None:
        return None

    @contextmanager
    def draft(self, scratch: Path | None = None) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="tidegate-", dir=scratch) as folder:
            yield Path(folder) / "draft"

    def put(self, drafts: Mapping[str, Path], settled: bool = True) -> None:
        for name, draft in drafts.items():
            # A browser shows a page only when it is told that it is one.
            kind, _ = mimetypes.guess_type(name)
            self.upload(draft, name, kind or "application/octet-stream")

    def settle(self) -> None:
        # Every write was answered when it was safe.
        return

    @abstractmethod
    def delete(self, names: Iterable[str]) -> None: ...

    @abstractmethod
    def find(self, name: str) -> StoredFile | None: ...

    @abstractmethod
    def read(self, name: str) -> bytes | None: ...

    @abstractmethod
    def copy_from(self, source: Files, file: StoredFile, name: str) -> bool: ...

    @abstractmethod
    def listed(self, prefix: str) -> Iterator[StoredFile]:
        """The objects whose name begins so, in the order of keys, as they are listed."""

    @abstractmethod
    def fetched(self, file: StoredFile) -> Iterator[bytes]:
        """The bytes of an object as it was listed. Raises IncompleteError when it is another one or gone."""

    @abstractmethod
    def upload(self, path: Path, name: str, content_type: str) -> None:
        """Write a file to a name; a large one in parts."""


def _place(name: str, files: Iterator[StoredFile]) -> StoredFolder:
    first = next(files)
    file = first if first.name == name else None
    return StoredFolder(f"{name}/", _below(f"{name}/", files if file else chain((first,), files)), file=file)


def _beginning(path: Sequence[Segment]) -> str:
    """What every key at a path begins with that has more than one."""
    known = list(takewhile(lambda segment: segment.matches is None, path))
    return "/".join(segment.begins for segment in path[: len(known) + 1])


def _first_parts(name: str, number: int) -> str | None:
    """So many of the first parts of a name; None for a name that has fewer."""
    parts = name.split("/", number)
    return "/".join(parts[:number]) if len(parts) >= number else None


def _is_at(name: str, path: Sequence[Segment]) -> bool:
    return all(
        segment.matches.fullmatch(part) if segment.matches else part == segment.begins
        for part, segment in zip(name.split("/"), path, strict=True)
    )


def _below(prefix: str, files: Iterable[StoredFile]) -> Iterator[StoredFile]:
    """Those below a folder, without the empty one that some tools make for the folder itself."""
    return (file for file in files if file.name.startswith(prefix) and file.name != prefix)


def changed(address: str) -> IncompleteError:
    """The error for an object, or a folder of them, that is no longer what was listed."""
    return IncompleteError(
        f"{address} changed or went away while it was being captured, so its source is still writing. "
        "Nothing was loaded. Run again when the delivery is complete."
    )
