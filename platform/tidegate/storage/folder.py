"""Files in a folder of this machine, with what only a folder has: links, pipes, rights, and a disk to be synced.

Nothing is written where a reader looks: a draft is synced and then moved to its name.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import stat
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tidegate.errors import IncompleteError, TidegateError
from tidegate.machine.disk import sync
from tidegate.machine.processes import is_own_name, own_name
from tidegate.storage.files import BLOCK, Files, Segment, StoredFile, StoredFolder, UnopenableError

# Hidden, so that who lists the folder does not take a draft for an output.
DRAFTS = ".drafts"

# No file takes this long to make; another process may still be at a younger draft.
LONGEST_MAKING = dt.timedelta(days=1)

LEADS_OUT = "is a link that leads out of landing"
NO_FILE = "is not an ordinary file (a pipe, socket or device)"

# O_NONBLOCK: a file that turned into a pipe since it was listed must not hang us. O_NOFOLLOW: nor lead
# elsewhere.
OPEN_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class FolderStorage:
    """Files in the folder `root`. Drafts are made in its folder `drafts`.

    Where it is `confined`, others write there, and everything in it is hostile: a link may not lead out of it.
    """

    is_far = False

    def __init__(self, root: Path, drafts: str = DRAFTS, confined: bool = False) -> None:
        self.root = root.absolute()
        self.place = str(self.root)
        self._drafts = self.root / drafts
        self._confined = confined
        self._unsynced: set[Path] = set()
        self._settling = threading.Lock()
        self._is_swept = False

    def address(self, name: str) -> str:
        return str(self.root / name)

    # --- looking

    def files(self, folder: str) -> Iterator[StoredFile]:
        for path in (self.root / folder).rglob("*"):
            # Another process may be deleting.
            with suppress(FileNotFoundError):
                if path.is_file():
                    yield _stored(path.relative_to(self.root).as_posix(), path.stat())

    def places(
        self, path: Sequence[Segment], deep: bool = False, files: bool = False
    ) -> Iterator[tuple[str, StoredFolder]]:
        for name in self._names(path, ""):
            place = self._place(name, deep)
            if place:
                yield name, place

    def _names(self, path: Sequence[Segment], above: str) -> Iterator[str]:
        """The names below a folder that a path leads to; the last may be of something that is not there."""
        if not path:
            yield above
            return
        first, rest = path[0], path[1:]
        start = f"{above}/" if above else ""
        if first.matches is None:
            yield from self._names(rest, start + first.begins)
            return
        folder = self.root / above
        if folder.is_dir() and self._holds(folder):
            for entry in _scanned(folder):
                if first.matches.fullmatch(entry.name):
                    yield from self._names(rest, start + entry.name)

    def _place(self, name: str, deep: bool) -> StoredFolder | None:
        path, prefix = self.root / name, f"{name}/"
        try:
            with _explaining_what_cannot_be_listed(path):
                status = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if stat.S_ISREG(status.st_mode):
            # Of a folder of 100,000 files this is every one. Whether it may be opened is known when it is.
            return StoredFolder(prefix, iter(()), _changed_at(status), _stored(name, status))
        if not self._holds(path):
            return StoredFolder(prefix, iter(()), _changed_at(status), refused=LEADS_OUT)
        if not path.is_dir():
            return StoredFolder(prefix, iter(()), _changed_at(status), _stored(name, status))
        return StoredFolder(prefix, _entries(path, prefix, deep), _changed_at(status))

    def find(self, name: str) -> StoredFile | None:
        try:
            return _stored(name, (self.root / name).stat())
        except (FileNotFoundError, NotADirectoryError):
            return None

    def read(self, name: str) -> bytes | None:
        try:
            return (self.root / name).read_bytes()
        except FileNotFoundError:
            return None

    def chunks(self, file: StoredFile) -> Iterator[bytes]:
        path = self.root / file.name
        descriptor = self._opened(path)
        try:
            before, size = _state(os.fstat(descriptor)), 0
            while block := os.read(descriptor, BLOCK):
                size += len(block)
                yield block
            if _state(os.fstat(descriptor)) != before or size != before[0]:
                raise self.changed(file.name)
        finally:
            os.close(descriptor)

    def changed(self, name: str) -> IncompleteError:
        return IncompleteError(
            f"{self.address(name)} changed while it was being captured, so its source is still writing. "
            "Nothing was loaded. Run again when the delivery is complete."
        )

    def local(self, name: str) -> Path:
        return self.root / name

    def _opened(self, path: Path) -> int:
        try:
            real = Path(os.path.realpath(path, strict=True))
            refused = self._refusal(real)
        except OSError as error:
            raise UnopenableError(f"leads nowhere ({error.strerror})") from error
        if refused:
            raise UnopenableError(refused)
        try:
            descriptor = os.open(real, OPEN_FLAGS)
        except OSError as error:
            raise UnopenableError(f"cannot be opened ({error.strerror})") from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise UnopenableError(NO_FILE)
        return descriptor

    def _refusal(self, real: Path) -> str | None:
        if not self._holds(real):
            return LEADS_OUT
        mode = real.lstat().st_mode
        if stat.S_ISDIR(mode):
            return "is a folder where a file is expected"
        return None if stat.S_ISREG(mode) else NO_FILE

    def _holds(self, path: Path) -> bool:
        """Whether `path`, its links followed, is below the root where it must be."""
        return not self._confined or Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self.root))

    # --- writing

    @contextmanager
    def draft(self, scratch: Path | None = None) -> Iterator[Path]:
        if not self._is_swept:
            self._is_swept = True
            self._sweep()
        # In the folder itself, and not in `scratch`: only within one file system is a file moved at once.
        self._drafts.mkdir(parents=True, exist_ok=True)
        path = self._drafts / own_name()
        try:
            yield path
        finally:
            _remove(path)

    def put(self, drafts: Mapping[str, Path], settled: bool = True) -> None:
        folders: set[Path] = set()
        for name, draft in drafts.items():
            final = self.root / name
            # A new folder must be synced in its parent too.
            folders |= {final.parent, *(folder.parent for folder in final.parents if not folder.is_dir())}
            final.parent.mkdir(parents=True, exist_ok=True)
            # Of an empty file there is only the name, which its folder has.
            if draft.stat().st_size:
                sync(draft)
            draft.replace(final)
        if not settled:
            self._unsynced |= folders
            return
        for folder in folders:
            sync(folder)

    def settle(self) -> None:
        # One at a time: a folder that another thread took is not synced yet.
        with self._settling:
            while self._unsynced:
                sync(self._unsynced.pop())

    def copy_from(self, source: Files, file: StoredFile, name: str) -> bool:
        # What was captured is on this disk already, and only moved.
        return False

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
        for path in self._drafts.glob("*"):
            with suppress(FileNotFoundError):
                if is_own_name(path.name) and path.stat().st_mtime < long_ago:
                    _remove(path)


def _remove(path: Path) -> None:
    """Remove a draft, be it a file or a folder of files; it may have been used up."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _entries(folder: Path, prefix: str, deep: bool) -> Iterator[StoredFile]:
    folders = [(folder, prefix)]
    while folders:
        folder, prefix = folders.pop()
        for entry in _scanned(folder):
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                # It has just gone.
                continue
            if deep and stat.S_ISDIR(status.st_mode):
                folders.append((folder / entry.name, f"{prefix}{entry.name}/"))
                yield _stored(folders[-1][1], status)
            else:
                yield _stored(prefix + entry.name, status)


def _scanned(folder: Path) -> Iterator[os.DirEntry[str]]:
    """The entries of a folder, in no order; none when it is gone. Raises TidegateError when it cannot be listed."""
    try:
        with _explaining_what_cannot_be_listed(folder), os.scandir(folder) as entries:
            yield from entries
    except FileNotFoundError:
        return


@contextmanager
def _explaining_what_cannot_be_listed(folder: Path) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        raise TidegateError(
            f"Could not list {folder}: {error.strerror}. Nothing was changed. "
            "Let the user that runs Tidegate read it, and run again."
        ) from error


def _stored(name: str, status: os.stat_result) -> StoredFile:
    # With ctime: a file of the same size may be moved here with the time of the one it replaces.
    etag = f"{status.st_mtime_ns}\0{status.st_ctime_ns}"
    written_at = dt.datetime.fromtimestamp(status.st_mtime, dt.UTC)
    return StoredFile(name, status.st_size, etag, _changed_at(status), written_at, stat.S_ISREG(status.st_mode))


def _changed_at(status: os.stat_result) -> dt.datetime:
    """When anything of a file or folder changed last. Unlike the time of its content, nobody can set it."""
    return dt.datetime.fromtimestamp(status.st_ctime, dt.UTC)


def _state(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ino
