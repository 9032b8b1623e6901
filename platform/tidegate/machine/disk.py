"""The disk: what must be on it before something else relies on it, and what an error says of it.

It may be full, read-only, or over a limit of this user. Nothing is wrong with the work then, so whoever meets it needs
a sentence and not a trace. Python says it with a number, SQLite and DuckDB with a text, often as the cause of an error
of Dagster or dbt.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from tidegate.errors import TidegateError

# What DuckDB says when what does not fit into memory does not fit onto the disk either. It calls that "Out of Memory",
# and says in its second line only that the disk is meant.
OUT_OF_SPILL = "failed to offload data block"


@dataclass(frozen=True)
class _Trouble:
    """A way in which a disk refuses: its error numbers, the texts for it, and what to say and to do."""

    numbers: tuple[int, ...]
    texts: tuple[str, ...]
    what: str
    remedy: str


# The first that fits counts: what names its cause stands before what only may have it.
_TROUBLES = (
    _Trouble(
        (errno.ENOSPC, errno.EDQUOT),
        ("No space left on device", "Disk quota exceeded", "database or disk is full", OUT_OF_SPILL),
        "The disk is full, or the quota of this user is used up",
        "Free some space",
    ),
    _Trouble(
        (errno.EFBIG,),
        ("File too large",),
        "A file reached the limit that this process has for the size of files",
        "Raise the limit (ulimit -f unlimited)",
    ),
    _Trouble(
        (errno.EMFILE, errno.ENFILE),
        ("Too many open files",),
        "This process has too many open files",
        "Raise the limit (ulimit -n 4096)",
    ),
    _Trouble(
        (errno.EROFS,),
        ("Read-only file system", "attempt to write a readonly database"),
        "The disk is read-only",
        "Have it mounted so that it can be written, or set TIDEGATE_HOME to a folder on another one",
    ),
    _Trouble(
        (errno.EACCES, errno.EPERM),
        ("Permission denied", "Operation not permitted"),
        "This user may not read or write what is needed",
        "Give the user the right to write TIDEGATE_HOME and what is in it",
    ),
    _Trouble(
        (),
        ("unable to open database file",),
        "SQLite cannot open a database, and even to read one it writes beside it",
        "See that the folder can be written by this user, is not read-only and has room",
    ),
    _Trouble(
        (errno.EIO,),
        ("disk I/O error", "Input/output error"),
        "The disk failed or is full, or a file reached a limit on its size",
        "See that the disk is sound and has room, and that no limit is set (ulimit -f unlimited)",
    ),
)


def disk_trouble(error: BaseException, where: str = "") -> TidegateError | None:
    """The error, or what it was raised from, as trouble with the disk, in a sentence; None where it is something else.

    `where` is for those that do not say it.
    """
    for each in _chain(error):
        if trouble := _trouble_of(each):
            said = f"{where}: {_first_line(each)}" if where else _first_line(each)
            return TidegateError(
                f"{trouble.what}: {said}. What was committed before is kept; what was being written does not count. "
                f"{trouble.remedy}, and run this again."
            )
    return None


def is_disk_trouble(message: str) -> bool:
    """Whether what an engine says of a failure is trouble with the disk."""
    return any(text in message for trouble in _TROUBLES for text in trouble.texts)


def _trouble_of(error: BaseException) -> _Trouble | None:
    if isinstance(error, OSError) and error.errno is not None:
        return next((trouble for trouble in _TROUBLES if error.errno in trouble.numbers), None)
    if not isinstance(error, OSError | sqlite3.Error | duckdb.Error):
        return None
    return next((trouble for trouble in _TROUBLES if any(text in str(error) for text in trouble.texts)), None)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _first_line(error: BaseException) -> str:
    said = str(error).strip()
    return said.splitlines()[0].rstrip(".") if said else type(error).__name__


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file that a reader sees whole or not at all."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_bytes(content.encode() if isinstance(content, str) else content)
    draft.replace(path)


def sync(path: Path) -> None:
    """Return when a file's bytes, or a folder's names, would survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
