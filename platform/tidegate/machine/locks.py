"""File locks that die with their holder, and whom a waiter waits for.

The operating system releases them when a process ends in whatever way, so none is ever stuck. What a lock
means belongs to its user: `lake.lease` for the days of a resource, `lake.connect` for a SQLite catalog's single writer.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


class HeldElsewhereError(Exception):
    """The lock was not to be had in time. `holder` says whose it is, as far as known; it may be empty."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


def holder_text(run_id: str = "") -> str:
    """This process, as those who wait for it shall read it."""
    who = f"process {os.getpid()} on {socket.gethostname()}"
    return f"run {run_id}, {who}" if run_id else who


@contextmanager
def file_lock(path: Path, deadline: float, poll_seconds: float, run_id: str = "") -> Iterator[None]:
    """Hold `path`. Raises HeldElsewhereError when another does until `deadline`, of the monotonic clock."""
    # Where flock is missing, filelock would fall back to a file that outlives its holder: better an error.
    lock = FileLock(path, fallback_to_soft=False, preserve_lock_file=True, thread_local=False)
    try:
        lock.acquire(timeout=max(0.0, deadline - time.monotonic()), poll_interval=poll_seconds)
    except Timeout as error:
        raise HeldElsewhereError(_read(note_of(path))) from error
    try:
        # Inside: on a full disk this fails too, and the lock must not stay held.
        note_of(path).write_text(holder_text(run_id), encoding="utf-8")
        yield
    finally:
        lock.release()


def note_of(path: Path) -> Path:
    """The file that says who holds the lock, or held it last."""
    # Beside the lock and not in it: some versions of filelock truncate a lock that they wait for.
    return path.with_suffix(".holder")


def _read(note: Path) -> str:
    # Only for a message, and the holder may be between taking the lock and writing its note.
    with contextlib.suppress(OSError):
        return note.read_text(encoding="utf-8", errors="replace").strip()
    return ""
