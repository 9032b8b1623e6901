"""What DuckDB's errors say of other writers and of the world around: which of them can succeed when run again."""

from __future__ import annotations

import duckdb
from tenacity import RetryCallState

from tidegate.machine.disk import is_disk_trouble

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
