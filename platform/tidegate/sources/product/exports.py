"""The exports of another home, in a folder or an object store: the pointer of a day, and the file that it names.

Who follows the pointer reads one publication whole: it is written last, and nothing is written again where it leads. A
pointer is somebody else's file: everything in it is checked.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.archive.archive import Archive
from tidegate.archive.manifest import CapturedFile
from tidegate.errors import IncompleteError, SourceDownError, TidegateError
from tidegate.sources.product.source import Shown
from tidegate.storage.files import Segment, Storage, StoredFile, UnopenableError, part
from tidegate.window import A_DAY, day_named

FOLDER, POINTER = "exports", "latest.json"

# One of a mart with thousands of columns.
MAX_POINTER = 4 << 20

# Pointers that are kept: a day of each for thirty years. A look at them all asks for those only that changed since.
KEPT_POINTERS = 10_000

_HASH = re.compile(r"[0-9a-f]{32,64}")
_PATH = re.compile(r"(?!\.)[^/\\\x00]+/(?!\.)[^/\\\x00]+")


@dataclass(frozen=True)
class _Pointer:
    """What a pointer says. `path` is the Parquet file, relative to the pointer's folder."""

    content: str
    path: str
    sha256: str


# By what tells one state of a pointer from another.
_known: dict[tuple[str, int, str], _Pointer] = {}


class ExportsOfMart:
    """The exports of one mart of another home."""

    def __init__(self, storage: Storage, variable: str, mart: str) -> None:
        self._storage = storage
        self._variable = variable
        self._mart = mart
        self.is_far = storage.is_far

    def describe(self, day: dt.date) -> str:
        return self._storage.address(self._name(day))

    def shown(self) -> Iterator[Shown]:
        self._refuse_missing()
        path = [Segment(FOLDER), Segment(part(self._mart)), Segment("", A_DAY)]
        for name, folder in self._storage.places(path):
            day = day_named(name.rpartition("/")[2])
            file = next((entry for entry in folder.entries if entry.name == f"{folder.prefix}{POINTER}"), None)
            if day and file:
                yield Shown(day, self._read(day, file).content, file.changed_at)

    def shown_of(self, day: dt.date) -> Shown | None:
        file = self._storage.find(self._name(day))
        if file is None:
            self._refuse_missing()
            return None
        return Shown(day, self._read(day, file).content, file.changed_at)

    def copy(self, archive: Archive, day: dt.date) -> CapturedFile | None:
        pointer_file = self._storage.find(self._name(day))
        if pointer_file is None:
            self._refuse_missing()
            return None
        pointer = self._read(day, pointer_file)
        file = self._storage.find(f"{self._folder(day)}/{pointer.path}")
        if file is None:
            raise self._gone(day)
        try:
            copied = archive.add(f"{self._mart}.parquet", self._storage.chunks(file))
        except UnopenableError as error:
            raise TidegateError(f"{self._storage.address(file.name)} {error}. What was loaded before stays.") from error
        if copied.sha256 != pointer.sha256:
            raise TidegateError(
                f"{self._storage.address(file.name)} is not the file that {self.describe(day)} names: its bytes are "
                "others. What was loaded before stays. Make the export again in that home; who wrote there?"
            )
        return copied

    def _folder(self, day: dt.date) -> str:
        return f"{FOLDER}/{part(self._mart)}/{day.isoformat()}"

    def _name(self, day: dt.date) -> str:
        return f"{self._folder(day)}/{POINTER}"

    def _refuse_missing(self) -> None:
        """A folder that is not there may be a disk that is not mounted; of an object store that cannot be told."""
        root = self._storage.local(FOLDER)
        if root is not None and not root.is_dir():
            raise SourceDownError(f"the outputs in ${self._variable} cannot be read: there is no folder {root}.")

    def _gone(self, day: dt.date) -> IncompleteError:
        return IncompleteError(
            f"{self.describe(day)} names a file that is gone: it was made again meanwhile. What was loaded before "
            "stays; run again."
        )

    def _read(self, day: dt.date, file: StoredFile) -> _Pointer:
        key = (self._storage.address(file.name), file.size, file.etag)
        if key not in _known:
            if len(_known) >= KEPT_POINTERS:
                _known.clear()
            _known[key] = self._parsed(day, file)
        return _known[key]

    def _parsed(self, day: dt.date, file: StoredFile) -> _Pointer:
        try:
            if file.size > MAX_POINTER:
                raise ValueError("it is too large")
            return _pointer(json.loads(b"".join(self._storage.chunks(file))), self._mart, day)
        except (ValueError, RecursionError, UnopenableError) as error:
            raise TidegateError(
                f"{self._storage.address(file.name)} is not a pointer to an export of {self._mart} ({error}). What was "
                "loaded before stays. Make the export again in that home."
            ) from error


def _pointer(content: Any, mart: str, day: dt.date) -> _Pointer:
    """Raises ValueError for what no pointer of the mart's day says."""
    is_of_it = isinstance(content, Mapping) and content.get("mart") == mart
    if not is_of_it or content.get("partition") != day.isoformat():
        raise ValueError("it is of another mart or partition")
    files = content.get("files")
    named = [each for each in files if isinstance(each, Mapping)] if isinstance(files, list) else []
    parquet = next((each for each in named if each.get("format") == "parquet"), {})
    rows, path, sha256 = content.get("content_hash"), parquet.get("path"), parquet.get("sha256")
    if not (isinstance(rows, str) and _HASH.fullmatch(rows)):
        raise ValueError("it has no content_hash")
    if not (isinstance(path, str) and _PATH.fullmatch(path)):
        raise ValueError("it names no Parquet file")
    if not (isinstance(sha256, str) and _HASH.fullmatch(sha256)):
        raise ValueError("its Parquet file has no sha256")
    return _Pointer(rows, path, sha256)
