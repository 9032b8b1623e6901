"""A place of backups: a folder, or a prefix of a bucket, with the backups of one lake."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tidegate.backup.contents import moment_of
from tidegate.errors import TidegateError
from tidegate.storage.files import Storage, StoredFile, write

MARKER = "tidegate-backups"
BACKUPS, DATA, ARCHIVE = "backups", "data", "archive"


@dataclass(frozen=True)
class MadeBackup:
    """A backup by its name. `file` is as it was listed."""

    name: str
    made_at: dt.datetime
    file: StoredFile


@dataclass(frozen=True)
class Place:
    """`storage` is where it is."""

    storage: Storage

    def belong_to(self, lake: str) -> None:
        """Be the place of this lake's backups, from now on or already. Raises TidegateError where it is another's."""
        owner = (self.storage.read(MARKER) or b"").decode("ascii", "replace").strip()
        if owner and owner != lake:
            raise TidegateError(
                f"{self.storage.place} holds backups of another lake, {owner}, and this is {lake}. Nothing was backed "
                "up. Set TIDEGATE_BACKUPS, or --to, to a place of this lake's own."
            )
        if not owner:
            write(self.storage, {MARKER: f"{lake}\n".encode("ascii")})

    def backups(self) -> list[MadeBackup]:
        """The backups that are there, oldest first."""
        found = []
        for file in self.storage.files(BACKUPS):
            name = file.name.removeprefix(f"{BACKUPS}/")
            if made_at := moment_of(name):
                found.append(MadeBackup(name, made_at, file))
        return sorted(found, key=lambda backup: backup.name)

    def chosen(self, name: str | None) -> MadeBackup:
        """The backup of that name, or the newest one. Raises TidegateError where there is none."""
        there = self.backups()
        wanted = [backup for backup in there if name in (None, backup.name)]
        if not wanted:
            which = f"no backup {name}" if name else "no backup"
            others = f" There are: {', '.join(backup.name for backup in there)}." if there else ""
            raise TidegateError(
                f"There is {which} in {self.storage.place}.{others} Nothing was changed. Name the folder or URL that "
                "backups were made to."
            )
        return wanted[-1]

    @contextmanager
    def fetched(self, backup: MadeBackup, scratch: Path) -> Iterator[Path]:
        """A backup's file on this machine."""
        if here := self.storage.local(backup.file.name):
            yield here
            return
        copy = scratch / backup.name
        with copy.open("xb") as stream:
            stream.writelines(self.storage.chunks(backup.file))
        yield copy

    def sizes(self, folder: str) -> dict[str, StoredFile]:
        """The files below one of its folders, by their names there."""
        return {file.name.removeprefix(f"{folder}/"): file for file in self.storage.files(folder)}
