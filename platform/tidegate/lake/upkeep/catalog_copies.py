"""Dated copies of a SQLite catalog, kept before maintenance deletes. A Postgres server has backups of its own."""

from __future__ import annotations

import datetime as dt
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from tidegate.errors import TidegateError
from tidegate.machine.disk import disk_trouble

# One a week; each is a few MB.
COPIES_KEPT = 4

FOLDER = "copies"


def keep_copy(catalog: Path, now: dt.datetime) -> Path:
    """Copy a catalog, whole, whoever writes it meanwhile, and drop the oldest copies. Returns the copy. One at a time.

    Raises TidegateError where the catalog is damaged, and where there is no room for the copy.
    """
    folder = catalog.parent / FOLDER
    folder.mkdir(exist_ok=True)
    copy = folder / f"{catalog.name}.{now:%Y%m%dT%H%M%SZ}"
    draft = folder / f"{catalog.name}.draft"
    draft.unlink(missing_ok=True)
    _copy(catalog, draft)
    draft.replace(copy)
    for old in _copies(catalog)[:-COPIES_KEPT]:
        old.unlink(missing_ok=True)
    return copy


def _copy(catalog: Path, draft: Path) -> None:
    try:
        with closing(sqlite3.connect(catalog)) as source, closing(sqlite3.connect(draft)) as target:
            source.backup(target)
            target.execute("pragma journal_mode = delete")
            faults = [fault for (fault,) in target.execute("pragma quick_check(3)") if fault != "ok"]
    except sqlite3.DatabaseError as error:
        if full := disk_trouble(error, str(draft)):
            draft.unlink(missing_ok=True)
            raise full from error
        faults = [str(error)]
    if faults:
        draft.unlink(missing_ok=True)
        raise TidegateError(
            f"The lake's catalog {catalog} is damaged: {'; '.join(faults)}. Nothing was deleted. "
            f"Put back the newest copy of it from {catalog.parent / FOLDER}; docs/operating.md says how."
        )


def _copies(catalog: Path) -> list[Path]:
    """Copies that `keep_copy` made, by their exact name, the oldest first."""
    name = re.compile(re.escape(catalog.name) + r"\.\d{8}T\d{6}Z")
    return sorted(path for path in (catalog.parent / FOLDER).iterdir() if name.fullmatch(path.name))
