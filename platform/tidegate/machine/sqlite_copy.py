"""Copying a SQLite database as it is at one moment, whoever writes it meanwhile.

Other processes, that is. DuckDB has a SQLite of its own, and of two in one process neither sees the other's locks: it
must not be in a transaction on the database meanwhile.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tidegate.machine.disk import disk_trouble


def copy_sqlite(source: Path, target: Path) -> list[str]:
    """Copy a database into a new file of its own, and check the copy. Returns what is wrong with it, and leaves no copy
    then.

    Raises TidegateError where there is no room for the copy.
    """
    target.unlink(missing_ok=True)
    try:
        # One that is not there is not made.
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True)) as original,
            closing(sqlite3.connect(target)) as copy,
        ):
            original.backup(copy)
            copy.execute("pragma journal_mode = delete")
            faults = [fault for (fault,) in copy.execute("pragma quick_check(3)") if fault != "ok"]
    except sqlite3.DatabaseError as error:
        if full := disk_trouble(error, str(target)):
            target.unlink(missing_ok=True)
            raise full from error
        faults = [str(error)]
    if faults:
        target.unlink(missing_ok=True)
    return faults
