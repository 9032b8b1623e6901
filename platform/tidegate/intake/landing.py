"""What stands in the landing folder: which deliveries are there, and which of their files may be opened.

Everything in landing is hostile: names, links, things that are no files. Copying and reading belong to
`archive` and `readers`; nothing here opens a file.
"""

from __future__ import annotations

import datetime as dt
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from tidegate.contract.model import Region
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

    region: str
    day: dt.date
    folder: Path
    files: tuple[LandedFile, ...] = ()
    incomplete: str | None = None


def find_delivery(landing: Path, region: Region, day: dt.date) -> Landed | None:
    """The delivery of a region and day; None when its folder is absent or empty."""
    folder = landing / _folder_of(region, day)
    if not os.path.lexists(folder):
        return None
    if not _inside(landing, folder):
        refused = LandedFile(folder.name, folder, "is a link that leads out of landing")
        return Landed(region.name, day, folder, files=(refused,))
    if not folder.is_dir():
        return Landed(region.name, day, folder, incomplete=f"{folder} is not a folder")
    return _list_folder(landing, region, day, folder)


def _folder_of(region: Region, day: dt.date) -> str:
    location = region.location_of(day)
    if "://" in location:
        raise TidegateError(
            f"Region {region.name} lands at {location}, and only folders can be read as landing. "
            "Give its server in the contract a path relative to TIDEGATE_LANDING."
        )
    return location


def _list_folder(landing: Path, region: Region, day: dt.date, folder: Path) -> Landed | None:
    names = _names_in(folder)
    if not names:
        return None
    if not (MARKER in names and _is_regular(folder / MARKER)):
        waiting = f"{folder} has no {MARKER} file yet, so its {len(names)} entries may be incomplete"
        return Landed(region.name, day, folder, incomplete=waiting)
    data = sorted(name for name in names if name != MARKER and not name.startswith("."))
    if not data:
        only = LandedFile(MARKER, folder / MARKER, "is all there is. A day without rows is a file with only its header")
        return Landed(region.name, day, folder, files=(only,))
    return Landed(region.name, day, folder, files=tuple(_look_at(landing, folder / name) for name in data))


def _names_in(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(folder)]
    except OSError as error:
        raise TidegateError(
            f"Could not list {folder}: {error.strerror}. Nothing was changed. "
            "Let the user that runs Tidegate read it, and run again."
        ) from error


def _look_at(landing: Path, path: Path) -> LandedFile:
    try:
        real = Path(os.path.realpath(path, strict=True))
        refused = _refusal(landing, real)
    except OSError as error:
        real, refused = path, f"leads nowhere ({error.strerror})"
    return LandedFile(path.name, real, refused)


def _refusal(landing: Path, real: Path) -> str | None:
    if not _inside(landing, real):
        return "is a link that leads out of landing"
    mode = real.lstat().st_mode
    if stat.S_ISDIR(mode):
        return "is a folder where a file is expected"
    if not stat.S_ISREG(mode):
        return "is no ordinary file (a pipe, socket or device)"
    return None


def _inside(landing: Path, path: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(landing))


def _is_regular(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode)
