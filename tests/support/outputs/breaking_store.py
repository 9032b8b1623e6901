"""A store that breaks, as a disk does that is full or a bucket that is out of reach."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tidegate.errors import TidegateError
from tidegate.storage.folder import FolderStorage

FULL, AWAY = OSError(28, "No space left on device"), TidegateError("S3 is away.")


class BreakingStore(FolderStorage):
    """A folder in which so many puts succeed, and the others leave what was begun beside its place."""

    def __init__(self, root: Path, puts: int, error: Exception) -> None:
        super().__init__(root)
        self.puts, self.error = puts, error

    def put(self, drafts: Mapping[str, Path], settled: bool = True) -> None:
        self.puts -= 1
        if self.puts < 0:
            name, draft = next(iter(drafts.items()))
            super().put({f"{name}.half": draft}, settled)
            raise self.error
        super().put(drafts, settled)
