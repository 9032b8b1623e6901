"""What landing, the archive and outputs ask of the place where their files are: a folder, an object store, a server.

Names are relative to the storage and have `/` between their parts. What is written, and in which order, belongs to the
callers. No caller deletes what it has not proved to be its own; the archive never deletes.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import quote

from tidegate.errors import IncompleteError

# 1 MiB: larger blocks leave the processor's cache between receiving, hashing and writing them.
BLOCK = 1 << 20


class StoredFile(NamedTuple):
    """A file as a listing describes it. Times are UTC.

    A tuple, because a look at landing makes 100,000 of them. `etag` is another one once the content is. `changed_at` is
    when anything of the file changed last, which nobody can set; `written_at` when its content was written, as far as
    that is known. `is_file` is false for folders, links and devices, and `refused` says why a file must not be opened.
    """

    name: str
    size: int
    etag: str
    changed_at: dt.datetime
    written_at: dt.datetime
    is_file: bool = True
    refused: str | None = None


@dataclass(frozen=True)
class StoredFolder:
    """A folder at this moment. Its `entries`, in no promised order, can be read once; their names begin with `prefix`.

    `changed_at` is when an entry came or went last, None where that is not known. `refused` says why nothing in it may
    be opened; where something else stands in its place, that is `file`. Neither has entries.
    """

    prefix: str
    entries: Iterator[StoredFile]
    changed_at: dt.datetime | None = None
    file: StoredFile | None = None
    refused: str | None = None


class Segment(NamedTuple):
    """A part of a path that is looked for: names that begin so and match; with `matches` None, that name alone."""

    begins: str
    matches: re.Pattern[str] | None = None


class UnopenableError(Exception):
    """A file that must not be opened, or cannot be. The message says why, and goes on after the file's name."""


class Files(Protocol):
    """Files by name below `place`, which are only looked at. Safe for several threads at once.

    Everything may raise TidegateError, and in a folder OSError. `is_far`: every question takes its time on a network.
    """

    place: str
    is_far: bool

    def address(self, name: str) -> str:
        """Where people and other programs find a file: a path or a URL."""
        ...

    def files(self, folder: str) -> Iterator[StoredFile]:
        """Every file below a folder, in no promised order, as they are listed."""
        ...

    def places(
        self, path: Sequence[Segment], deep: bool = False, files: bool = False
    ) -> Iterator[tuple[str, StoredFolder]]:
        """What stands, as it is listed, at each name of a path below this storage, to which others write.

        Where no `files` are meant, those that stand at the names themselves may be left out.

        The entries of one must be read before the next is asked for. They are those in the folder itself or, where
        `deep`, in folders of it as well, which are entries too then, with a `/` at the end of their names.
        """
        ...

    def find(self, name: str) -> StoredFile | None:
        """What stands at a name now; None when nothing does."""
        ...

    def read(self, name: str) -> bytes | None:
        """The content of a file; None when there is none."""
        ...

    def chunks(self, file: StoredFile) -> Iterator[bytes]:
        """The bytes of a file as they stream in.

        Raises UnopenableError before the first, and IncompleteError, at the end at the latest, when it changed or went
        away meanwhile.
        """
        ...

    def changed(self, name: str) -> IncompleteError:
        """The error for a file or folder that is no longer what was listed."""
        ...

    def local(self, name: str) -> Path | None:
        """The file of this machine that a name stands for; None where that is on a network."""
        ...


class Storage(Files, Protocol):
    """Files that are written, too, by several threads and processes at once."""

    def draft(self, scratch: Path | None = None) -> AbstractContextManager[Path]:
        """The path for a new file, or for a folder of files, to make before `put`; what is left there goes afterwards.

        `scratch` is where it is, unless the storage knows a better place.
        """
        ...

    def put(self, drafts: Mapping[str, Path], settled: bool = True) -> None:
        """Make each draft the file of its name, each at once: a reader sees what was there or what takes its place.

        The drafts may be used up. All would survive a power cut then; where not `settled`, once `settle` returns.
        """
        ...

    def settle(self) -> None:
        """Return when everything that was put would survive a power cut."""
        ...

    def copy_from(self, source: Files, file: StoredFile, name: str) -> bool:
        """Copy a file without fetching it; whether the copy is known to have the bytes that were listed.

        Where it is not, whatever stands at `name` is to be replaced. Raises IncompleteError as `chunks` does.
        """
        ...

    def delete(self, names: Iterable[str]) -> None:
        """Remove files. Those that are gone already are no trouble."""
        ...


def part(text: str) -> str:
    """`text` as one part of a name, whatever it holds; different for different texts."""
    escaped = quote(text, safe="")
    return escaped.replace(".", "%2E") if escaped.startswith(".") else escaped


def write(storage: Storage, files: Mapping[str, bytes]) -> None:
    """Put these contents under their names, one after the other, each at once and to stay."""
    for name, content in files.items():
        with storage.draft() as draft:
            draft.write_bytes(content)
            storage.put({name: draft})
