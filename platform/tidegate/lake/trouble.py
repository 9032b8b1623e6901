"""What DuckDB's errors say of the lake: another writer was first, the world around is out of reach, a file is damaged.

Which of them can succeed when run again is told here. Finding lost files before a run meets them is `upkeep.lost`'s.
"""

from __future__ import annotations

import re

import duckdb
from tenacity import RetryCallState

from tidegate.errors import TidegateError
from tidegate.lake.sql import SCHEMAS
from tidegate.machine.disk import disk_trouble, is_disk_trouble

# What SQLite, Postgres and DuckLake say when another writer was first. Constraint names stay when a Postgres
# server speaks another language than English.
CONFLICTS = (
    "database is locked",
    "transaction conflict",
    "could not serialize access",
    "deadlock detected",
    "duplicate key",
    "unique constraint failed",
    "ducklake_snapshot_pkey",
)

# What DuckDB says when not the work is wrong but the world around it: a full disk, a storage out of reach.
OUTAGES = ("IO Error", "HTTP Error", "Connection Error")

# A commit that fails for a reason not listed above is another writer's doing or a full disk: few attempts tell.
ATTEMPTS_AT_A_FAILING_COMMIT = 5


def is_conflict(error: BaseException | None) -> bool:
    """Whether another writer was first, so that the same work can succeed when run again."""
    return isinstance(error, duckdb.Error) and bool(conflict_line(error))


def is_of_engine(error: BaseException | None) -> bool:
    """Whether an error is the engine's, or was raised from one."""
    while error is not None and not isinstance(error, duckdb.Error):
        error = error.__cause__ or error.__context__
    return error is not None


def may_heal(message: str) -> bool:
    """Whether what DuckDB says of a failure may pass by itself: running the same again, later, can succeed."""
    outage = any(sign in message for sign in OUTAGES) or is_disk_trouble(message)
    return outage or any(sign in message.lower() for sign in CONFLICTS)


def conflict_line(error: duckdb.Error) -> str:
    lines = str(error).splitlines()
    return next((line for line in lines if any(sign in line.lower() for sign in CONFLICTS)), "")


def worth_repeating(attempt: RetryCallState) -> bool:
    error = attempt.outcome.exception() if attempt.outcome else None
    if is_conflict(error):
        return True
    failed_commit = isinstance(error, duckdb.Error) and "Failed to commit DuckLake transaction" in str(error)
    return failed_commit and attempt.attempt_number < ATTEMPTS_AT_A_FAILING_COMMIT


# --- damage

# What SQLite says of a file that is not, or no more, a database.
CATALOG_DAMAGED = ("file is not a database", "disk image is malformed", "file is encrypted")

# A file of one of the lake's tables, as DuckDB names it.
FILE = re.compile(
    rf"[^'\"\s]*/(?P<schema>{'|'.join(SCHEMAS)})/(?P<table>[^/'\"]+)/(?:[^/'\"]+/)*ducklake-[0-9a-f-]+(?:-delete)?\.parquet"
)

CATALOG_IS_DAMAGED = (
    "The lake's catalog (TIDEGATE_LAKE_CATALOG) is damaged, or is not a catalog: {}. Nothing was changed. "
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
