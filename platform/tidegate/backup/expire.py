"""Deleting old backups, and the data files that none of those that stay needs.

What may go is proved file by file: it has a name that DuckLake gives, no backup that stays names it, and it was not put
there lately, when another backup may be at it. The archive's files stay: any day is made of them again.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tidegate.backup.packed import contents_of
from tidegate.backup.place import DATA, Place
from tidegate.lake.upkeep.leftovers import LEFTOVER

# No backup takes longer.
LONGEST_BACKUP = dt.timedelta(days=1)


@dataclass(frozen=True)
class Expired:
    """How many were deleted."""

    backups: int
    files: int


def keep_newest(place: Place, keep: int, now: dt.datetime, scratch: Path) -> Expired:
    """Delete all backups but the newest `keep`. Raises TidegateError, with nothing deleted, where one of these is not
    whole."""
    made = place.backups()
    old, kept = made[:-keep], made[-keep:]
    needed: set[str] = set()
    with tempfile.TemporaryDirectory(prefix="backup-", dir=scratch) as folder:
        for backup in kept:
            with place.fetched(backup, Path(folder)) as packed:
                needed |= contents_of(packed).files.keys()
    place.storage.delete([backup.file.name for backup in old])
    unused = [
        file.name
        for name, file in place.sizes(DATA).items()
        if name not in needed and LEFTOVER.fullmatch(name) and file.changed_at < now - LONGEST_BACKUP
    ]
    place.storage.delete(unused)
    return Expired(len(old), len(unused))
