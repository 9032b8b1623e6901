"""Dated copies of a SQLite catalog, kept before maintenance deletes. A Postgres server has backups of its own."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

from tidegate.errors import TidegateError
from tidegate.machine.sqlite_copy import copy_sqlite

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
    if faults := copy_sqlite(catalog, draft):
        raise TidegateError(
            f"The lake's catalog {catalog} is damaged: {'; '.join(faults)}. Nothing was deleted. "
            f"Put back the newest copy of it from {folder}; docs/operating.md says how."
        )
    draft.replace(copy)
    for old in _copies(catalog)[:-COPIES_KEPT]:
        old.unlink(missing_ok=True)
    return copy


def _copies(catalog: Path) -> list[Path]:
    """Copies that `keep_copy` made, by their exact name, the oldest first."""
    name = re.compile(re.escape(catalog.name) + r"\.\d{8}T\d{6}Z")
    return sorted(path for path in (catalog.parent / FOLDER).iterdir() if name.fullmatch(path.name))
