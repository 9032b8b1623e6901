"""What an error of DuckDB says of a lake that is damaged: its catalog, or one of its files.

Finding lost files before a run meets them, and forgetting them, belongs to `upkeep.lost`.
"""

from __future__ import annotations

import re

import duckdb

from tidegate.errors import TidegateError
from tidegate.lake.sql import SCHEMAS
from tidegate.machine.disk import disk_trouble

# What SQLite says of a file that is not, or no more, a database.
CATALOG_DAMAGED = ("file is not a database", "disk image is malformed", "file is encrypted")

# A file of one of the lake's tables, as DuckDB names it.
FILE = re.compile(
    rf"[^'\"\s]*/(?P<schema>{'|'.join(SCHEMAS)})/(?P<table>[^/'\"]+)/(?:[^/'\"]+/)*ducklake-[0-9a-f-]+(?:-delete)?\.parquet"
)

CATALOG_IS_DAMAGED = (
    "The lake's catalog (TIDEGATE_LAKE_CATALOG) is damaged, or is no catalog: {}. Nothing was changed. "
    "Put back the newest copy of it from the folder `copies` beside it, or rebuild the lake from the archive; "
    "docs/operating.md says how."
)


def trouble(error: BaseException, where: str = "") -> TidegateError | None:
    """The error as trouble with the disk or damage of the lake, in a sentence; None where it is something else.

    `where` is named beside the trouble.
    """
    # A file that cannot be written is named in the same way as one that is damaged.
    return disk_trouble(error, where) or damage(error)


def damage(error: BaseException) -> TidegateError | None:
    """The error as damage of the lake, in a sentence; None where it is something else."""
    said = str(error).strip()
    if not isinstance(error, duckdb.Error):
        return None
    if found := FILE.search(said):
        return TidegateError(
            f"The lake is damaged, and not what was asked of it: a file of {found['schema']}.{found['table']} is gone, "
            f"cut short or changed, {found[0]}. The rest of the lake is as it was. Run the days of that table again "
            f"(tidegate run --partition DAY): they are loaded from the archive. DuckDB says: {said}"
        )
    if any(sign in said for sign in CATALOG_DAMAGED):
        return TidegateError(CATALOG_IS_DAMAGED.format(said.splitlines()[0]))
    return None
