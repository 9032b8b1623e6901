"""Copying many files that never change from one storage to another: those that are not there yet.

On one file system a link is enough: the bytes stay as long as either name does, whatever deletes the other, and neither
the lake nor the archive ever writes into a file that is there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tidegate.machine.stopping import end_if_asked
from tidegate.storage.files import Storage, StoredFile

# Copied at once where one side is on a network; the client of S3 keeps ten connections.
AT_ONCE = 8


@dataclass(frozen=True)
class Copying:
    """From a storage, whose names begin so, to another, where they begin otherwise; `how_to_go_on` where it is
    stopped."""

    source: Storage
    source_prefix: str
    target: Storage
    target_prefix: str
    how_to_go_on: str

    def copy(self, wanted: Iterable[StoredFile], there: Mapping[str, StoredFile]) -> int:
        """Copy the files, named as in the source, that are not `there` in the same size; returns how many.

        They would survive a power cut then. Raises IncompleteError for one that changes or goes away meanwhile.
        """
        lacking = [file for file in wanted if not self._is_there(file, there)]
        at_once = AT_ONCE if self.source.is_far or self.target.is_far else 1
        with ThreadPoolExecutor(at_once) as pool:
            for _ in pool.map(self._copy, lacking):
                pass
        self.target.settle()
        return len(lacking)

    def _is_there(self, file: StoredFile, there: Mapping[str, StoredFile]) -> bool:
        found = there.get(self._relative(file))
        return found is not None and found.size == file.size

    def _relative(self, file: StoredFile) -> str:
        return file.name.removeprefix(self.source_prefix)

    def _copy(self, file: StoredFile) -> None:
        end_if_asked(lambda: self.how_to_go_on)
        name = self.target_prefix + self._relative(file)
        if self.target.copy_from(self.source, file, name):
            return
        with self.target.draft() as draft:
            if not _linked(self.source.local(file.name), draft):
                with draft.open("xb") as stream:
                    stream.writelines(self.source.chunks(file))
            self.target.put({name: draft}, settled=False)


def _linked(original: Path | None, draft: Path) -> bool:
    if original is not None:
        # Another file system, or one without links.
        with suppress(OSError):
            os.link(original, draft, follow_symlinks=False)
            return True
    return False
