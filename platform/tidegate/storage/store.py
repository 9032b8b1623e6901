"""Where outputs go: a folder, or a prefix of a bucket in S3. A reader sees a file as it was or as it is, never half.

Names are relative to the store and have `/` between their parts. What is written, and in which order, belongs to the
callers.
"""

from __future__ import annotations

import datetime as dt
import mimetypes
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from tidegate.errors import IncompleteError, TidegateError
from tidegate.machine.disk import sync
from tidegate.machine.processes import is_own_name, own_name

if TYPE_CHECKING:
    from tidegate.storage.s3 import S3Client, S3Folder

SETTING = "TIDEGATE_OUTPUTS"

# Hidden, so that who lists the folder does not take a draft for an output.
DRAFTS = ".drafts"

# No output takes this long to make; another process may still be at a younger draft.
LONGEST_MAKING = dt.timedelta(days=1)


@dataclass(frozen=True)
class StoredFile:
    """A file as a listing tells it. `changed_at` is UTC."""

    name: str
    size: int
    changed_at: dt.datetime


class Store(Protocol):
    """Files by name below `place`. Everything may raise TidegateError, and in a folder OSError."""

    place: str

    @contextmanager
    def drafts(self) -> Iterator[Path]:
        """A local folder to make files in before `put`; it is gone afterwards."""
        ...

    def put(self, drafts: Mapping[str, Path]) -> None:
        """Make each draft the file of its name, each at once and all to stay. A file that is there is replaced, and
        drafts are used up. Threads may do so at once."""
        ...

    def read(self, name: str) -> bytes | None:
        """The content of a file; None when there is none."""
        ...

    def files(self, folder: str) -> Iterator[StoredFile]:
        """Every file below a folder, in no promised order."""
        ...

    def delete(self, names: Iterable[str]) -> None:
        """Remove files. Those that are gone already are no trouble."""
        ...


def address(store: Store, name: str) -> str:
    """Where people and other programs find a file of the store: a path or an `s3://` URL."""
    return f"{store.place}/{name}"


def part(text: str) -> str:
    """`text` as one part of a name, whatever it holds; different for different texts."""
    escaped = quote(text, safe="")
    return escaped.replace(".", "%2E") if escaped.startswith(".") else escaped


def write(store: Store, files: Mapping[str, bytes]) -> None:
    """Put these contents under their names, one after the other, each at once and to stay."""
    with store.drafts() as folder:
        for name, content in files.items():
            draft = folder / "draft"
            draft.write_bytes(content)
            store.put({name: draft})


def store_at(place: str, s3_client: Callable[[], S3Client]) -> Store:
    """The store at a folder or `s3://` URL. Raises TidegateError for what is neither."""
    if place.startswith("s3://"):
        # Importing boto3 takes a second.
        from tidegate.storage.s3 import S3Folder

        return S3Store(S3Folder.at(place, s3_client(), SETTING, TidegateError))
    if "://" in place:
        raise TidegateError(f"{SETTING} is {place}; it must be a folder or s3://bucket/prefix.")
    return FolderStore(Path(place))


class FolderStore:
    """Outputs in the folder `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()
        self.place = str(self.root)

    @contextmanager
    def drafts(self) -> Iterator[Path]:
        self._sweep()
        # In the folder itself: only within one file system is a file moved at once.
        folder = self.root / DRAFTS / own_name()
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def put(self, drafts: Mapping[str, Path]) -> None:
        folders: set[Path] = set()
        for name, draft in drafts.items():
            final = self.root / name
            # A folder made anew must be synced in its parent too.
            folders |= {final.parent, *(folder.parent for folder in final.parents if not folder.is_dir())}
            final.parent.mkdir(parents=True, exist_ok=True)
            sync(draft)
            draft.replace(final)
        for folder in folders:
            sync(folder)

    def read(self, name: str) -> bytes | None:
        try:
            return (self.root / name).read_bytes()
        except FileNotFoundError:
            return None

    def files(self, folder: str) -> Iterator[StoredFile]:
        for path in (self.root / folder).rglob("*"):
            # Another process may be deleting.
            with suppress(FileNotFoundError):
                if path.is_file():
                    facts = path.stat()
                    changed_at = dt.datetime.fromtimestamp(facts.st_mtime, dt.UTC)
                    yield StoredFile(path.relative_to(self.root).as_posix(), facts.st_size, changed_at)

    def delete(self, names: Iterable[str]) -> None:
        folders = set()
        for name in names:
            (self.root / name).unlink(missing_ok=True)
            folders.add((self.root / name).parent)
        for folder in folders:
            # Not empty: something else stands there, and stays.
            with suppress(OSError):
                folder.rmdir()

    def _sweep(self) -> None:
        """Remove drafts of processes that were killed long ago, by the names that they give."""
        long_ago = time.time() - LONGEST_MAKING.total_seconds()
        for folder in (self.root / DRAFTS).glob("*"):
            with suppress(FileNotFoundError):
                if is_own_name(folder.name) and folder.stat().st_mtime < long_ago:
                    shutil.rmtree(folder, ignore_errors=True)


class S3Store:
    """Outputs below a prefix of a bucket, where a write is one that all see at once."""

    def __init__(self, folder: S3Folder) -> None:
        self._folder = folder
        self.place = folder.address().rstrip("/")

    @contextmanager
    def drafts(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="tidegate-") as folder:
            yield Path(folder)

    def put(self, drafts: Mapping[str, Path]) -> None:
        for name, draft in drafts.items():
            # A browser shows a page only when it is told that it is one.
            kind, _ = mimetypes.guess_type(name)
            self._folder.upload(draft, name, kind or "application/octet-stream")
            draft.unlink()

    def read(self, name: str) -> bytes | None:
        try:
            return self._folder.read(name)
        except IncompleteError:
            return None

    def files(self, folder: str) -> Iterator[StoredFile]:
        for found in self._folder.objects(f"{folder}/"):
            yield StoredFile(found.key.removeprefix(self._folder.prefix), found.size, found.changed_at)

    def delete(self, names: Iterable[str]) -> None:
        for name in names:
            self._folder.delete(name)
