"""What stands in the landing folder: which deliveries are there, and which of their files may be opened.

Everything in landing is hostile: names, links, things that are no files. Copying belongs to
`sources.folder`, reading to `intake.files`; nothing here opens a file.
"""

from __future__ import annotations

import datetime as dt
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tidegate.contract.model import Readiness
from tidegate.errors import TidegateError
from tidegate.sources.listing import MARKER, ONLY_THE_MARKER, Listing, is_data

LEADS_OUT = "is a link that leads out of landing"


@dataclass(frozen=True)
class LandedFile:
    """One data file of a delivery. `refused` says why it must not be opened; `path` is free of links."""

    name: str
    path: Path
    refused: str | None = None


@dataclass(frozen=True)
class Landed:
    """What a delivery's folder holds. `incomplete` says what keeps it from being a delivery yet."""

    folder: Path
    files: tuple[LandedFile, ...] = ()
    incomplete: str | None = None


@dataclass(frozen=True)
class LandingFolder:
    """The folder that deliveries arrive in, and the rule that says when one is complete."""

    root: Path
    readiness: Readiness

    def find(self, folder: Path) -> Landed | None:
        """The delivery in `folder`; None when there is none. Raises TidegateError when it cannot be listed."""
        if not os.path.lexists(folder):
            return None
        if not self.holds(folder):
            return Landed(folder, files=(LandedFile(folder.name, folder, LEADS_OUT),))
        if not folder.is_dir():
            return Landed(folder, incomplete=f"{folder} is not a folder")
        return self._list(folder)

    def holds(self, path: Path) -> bool:
        """Whether `path`, its links followed, is below the root."""
        return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self.root))

    def _list(self, folder: Path) -> Landed | None:
        listing, names = Listing(), []
        for entry in entries_of(folder):
            note(listing, entry)
            names.append(entry.name)
        if not names:
            return None
        if waiting := listing.waiting(str(folder), self.readiness):
            return Landed(folder, incomplete=waiting)
        data = sorted(filter(is_data, names))
        if data:
            return Landed(folder, files=tuple(self._look_at(folder / name) for name in data))
        only = LandedFile(MARKER, folder / MARKER, ONLY_THE_MARKER)
        return Landed(folder, files=(only,)) if listing.has_marker else None

    def _look_at(self, path: Path) -> LandedFile:
        try:
            real = Path(os.path.realpath(path, strict=True))
            refused = self._refusal(real)
        except OSError as error:
            real, refused = path, f"leads nowhere ({error.strerror})"
        return LandedFile(path.name, real, refused)

    def _refusal(self, real: Path) -> str | None:
        if not self.holds(real):
            return LEADS_OUT
        mode = real.lstat().st_mode
        if stat.S_ISDIR(mode):
            return "is a folder where a file is expected"
        if not stat.S_ISREG(mode):
            return "is no ordinary file (a pipe, socket or device)"
        return None


def entries_of(folder: Path) -> Iterator[os.DirEntry[str]]:
    """The entries of a folder, in no order; none when it is gone. Raises TidegateError when it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except FileNotFoundError:
        return
    except OSError as error:
        raise TidegateError(
            f"Could not list {folder}: {error.strerror}. Nothing was changed. "
            "Let the user that runs Tidegate read it, and run again."
        ) from error


def note(listing: Listing, entry: os.DirEntry[str]) -> None:
    """Add an entry of a folder to a listing, unless it has just gone."""
    with suppress(FileNotFoundError):
        status = entry.stat(follow_symlinks=False)
        is_file = stat.S_ISREG(status.st_mode)
        # With ctime: a file of the same size may be moved here with the time of the one it replaces.
        facts = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        listing.add(entry.name, changed_at(status), *facts, is_file=is_file)


def changed_at(status: os.stat_result) -> dt.datetime:
    """When anything of a file or folder changed last. Unlike the time of its content, nobody can set it."""
    return dt.datetime.fromtimestamp(status.st_ctime, dt.UTC)
