"""What stands in the landing folder: which deliveries are there, and which of their files may be opened.

Everything in landing is hostile: names, links, things that are no files. Copying and reading belong to
`folder_source` and `readers`; nothing here opens a file.
"""

from __future__ import annotations

import datetime as dt
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tidegate.contract.model import Readiness
from tidegate.errors import TidegateError

MARKER = "_SUCCESS"


@dataclass(frozen=True)
class LandedFile:
    """One data file of a delivery. `refused` says why it must not be opened; `path` is free of links."""

    name: str
    path: Path
    refused: str | None = None


@dataclass(frozen=True)
class Landed:
    """What a delivery's folder holds. `incomplete` says what keeps it from being a delivery yet."""

    day: dt.date
    folder: Path
    files: tuple[LandedFile, ...] = ()
    incomplete: str | None = None


@dataclass(frozen=True)
class LandingFolder:
    """The folder that deliveries arrive in, and the rule that says when one is complete."""

    root: Path
    readiness: Readiness

    def find(self, folder: Path, day: dt.date) -> Landed | None:
        """The delivery in `folder`; None when there is none. Raises TidegateError if it cannot be listed."""
        if not os.path.lexists(folder):
            return None
        if not self.holds(folder):
            refused = LandedFile(folder.name, folder, "is a link that leads out of landing")
            return Landed(day, folder, files=(refused,))
        if not folder.is_dir():
            return Landed(day, folder, incomplete=f"{folder} is not a folder")
        return self._list(folder, day)

    def holds(self, path: Path) -> bool:
        """Whether `path`, its links followed, is below the root."""
        return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self.root))

    def _list(self, folder: Path, day: dt.date) -> Landed | None:
        names = [entry.name for entry in entries_of(folder)]
        if not names:
            return None
        if waiting := self._waiting(folder, names):
            return Landed(day, folder, incomplete=waiting)
        data = sorted(name for name in names if is_data(name))
        if not data and MARKER not in names:
            return None
        if not data:
            why = "is all there is. A day without rows is a file with only its header"
            return Landed(day, folder, files=(LandedFile(MARKER, folder / MARKER, why),))
        return Landed(day, folder, files=tuple(self._look_at(folder / name) for name in data))

    def _waiting(self, folder: Path, names: list[str]) -> str | None:
        match self.readiness.rule:
            case "marker" if not (MARKER in names and is_regular(folder / MARKER)):
                return f"{folder} has no {MARKER} file yet, so its {len(names)} entries may be incomplete"
            case "quiet" if not is_quiet(self.readiness, last_change(folder)):
                minutes = self.readiness.quiet_minutes
                return f"{folder} changed less than {minutes} minutes ago, so its source may still be writing"
        return None

    def _look_at(self, path: Path) -> LandedFile:
        try:
            real = Path(os.path.realpath(path, strict=True))
            refused = self._refusal(real)
        except OSError as error:
            real, refused = path, f"leads nowhere ({error.strerror})"
        return LandedFile(path.name, real, refused)

    def _refusal(self, real: Path) -> str | None:
        if not self.holds(real):
            return "is a link that leads out of landing"
        mode = real.lstat().st_mode
        if stat.S_ISDIR(mode):
            return "is a folder where a file is expected"
        if not stat.S_ISREG(mode):
            return "is no ordinary file (a pipe, socket or device)"
        return None


def entries_of(folder: Path) -> Iterator[os.DirEntry[str]]:
    """The entries of a folder, in no order. Raises TidegateError when it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError as error:
        raise TidegateError(
            f"Could not list {folder}: {error.strerror}. Nothing was changed. "
            "Let the user that runs Tidegate read it, and run again."
        ) from error


def is_data(name: str) -> bool:
    """Whether a name is one of a data file: not the marker's, not hidden."""
    return name != MARKER and not name.startswith(".")


def is_regular(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode)


def is_quiet(readiness: Readiness, changed_at: float) -> bool:
    """Whether nothing changed since `changed_at`, in seconds since 1970, for long enough."""
    return time.time() - changed_at >= 60 * readiness.quiet_minutes


def last_change(folder: Path) -> float:
    """When the folder or one of its entries changed last, in seconds since 1970."""
    changes = [folder.lstat().st_ctime]
    changes += [entry.stat(follow_symlinks=False).st_ctime for entry in entries_of(folder)]
    return max(changes)
