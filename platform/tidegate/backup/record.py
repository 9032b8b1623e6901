"""Dagster's record: the files below its folder in the home. Which they are, and in which order they are to be copied,
is said by who knows Dagster (`orchestration.instance.record_files`)."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tidegate.errors import TidegateError
from tidegate.machine.disk import sync
from tidegate.machine.processes import own_name
from tidegate.machine.signed import content_of, is_unchanged, signed
from tidegate.machine.sqlite_copy import copy_sqlite

DATABASE = ".db"

# Files beside a SQLite database that are part of it, and so of its copy.
BESIDE_DATABASES = (".db-wal", ".db-shm", ".db-journal")


@dataclass(frozen=True)
class Record:
    """The files of the folder `home`, in the order to copy. Not `is_whole` where Dagster keeps some of it elsewhere."""

    home: Path
    files: Sequence[Path]
    is_whole: bool

    def copy_to(self, folder: Path) -> None:
        """Copy it as it is, file by file, while others write. Raises TidegateError for a file that is damaged."""
        for file in self.files:
            copy = folder / file.relative_to(self.home)
            copy.parent.mkdir(parents=True, exist_ok=True)
            faults = copy_sqlite(file, copy) if file.suffix == DATABASE else _copied(file, copy)
            # Maintenance deletes what is of old runs.
            if faults and file.exists():
                raise TidegateError(
                    f"Dagster's record cannot be copied: {file}: {'; '.join(faults)}. Nothing was backed up. If the "
                    "file is damaged, set it aside with everything stopped: Dagster goes on without it."
                )


def _copied(file: Path, copy: Path) -> list[str]:
    try:
        shutil.copyfile(file, copy)
    except OSError as error:
        return [str(error.strerror)]
    return []


def refuse_record_in_place(home: Path) -> None:
    """Raise TidegateError where Dagster has a record already."""
    if home.exists() and any(home.iterdir()):
        raise TidegateError(
            f"There is a record of Dagster in {home} already, and nothing is restored over one. Nothing was changed. "
            "Set TIDEGATE_HOME to where there is none, or set that folder aside."
        )


def _moved(config: str, was_home: str, home: str) -> str:
    """A dagster.yaml with the new place of the event log. One that nobody changed goes on following the settings."""
    moved = config.replace(was_home, home)
    return signed(content_of(moved)) if is_unchanged(config) else moved


def put_record(copy: Path, home: Path, was_home: str) -> None:
    """Have a copied record be Dagster's in `home`, which was at another place."""
    config = copy / "dagster.yaml"
    if config.exists():
        config.write_text(_moved(config.read_text(encoding="utf-8"), was_home, str(home)), encoding="utf-8")
    for file in copy.rglob("*"):
        if file.is_file() and file.stat().st_size:
            sync(file)
    home.parent.mkdir(parents=True, exist_ok=True)
    # First to its file system, which it may not be on, and then at once to its name.
    draft = home.with_name(f"{home.name}.{own_name()}")
    shutil.move(copy, draft)
    draft.replace(home)
    sync(home.parent)
