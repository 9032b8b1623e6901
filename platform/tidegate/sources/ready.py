"""What a source says of a day before it is fetched: the first row of a readyQuery."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import tempfile
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Protocol, TypeVar

from tidegate.archive.archive import Archive
from tidegate.archive.manifest import Captured
from tidegate.errors import IncompleteError
from tidegate.machine.background import started

T = TypeVar("T")


class Queried(Protocol):
    """A region's rows that one query of a day gives."""

    @property
    def region(self) -> str: ...

    def describe(self, day: dt.date) -> str: ...


def capture_if_ready(
    origin: Queried, archive: Archive, source: str, day: dt.date, copy: Callable[[Path], bool | None]
) -> Captured | None:
    """Enter the file that `copy` writes. It says whether the day is ready, and None where nothing is known of it.

    Raises IncompleteError for a day that is not ready.
    """
    # A copy that was given up may still write into the folder.
    with tempfile.TemporaryDirectory(prefix="tidegate-", ignore_cleanup_errors=True) as folder:
        file = Path(folder) / f"{source}.parquet"
        ready = copy(file)
        if ready is None:
            return None
        if not ready:
            raise IncompleteError(
                f"{origin.describe(day)}, does not say yet that it is complete (readyQuery). "
                "What was loaded before stays; run again when it does."
            )
        return archive.enter(source, origin.region, day, [archive.adopt(file.name, file)])


def fingerprint_of_row(row: Sequence[object]) -> str:
    """Another one whenever a value of the row is another one."""
    return hashlib.sha256(json.dumps(tuple(row), default=str).encode()).hexdigest()


def is_true(value: object) -> bool | None:
    """Whether a condition holds; None for what is no answer to one. Many databases have 0 and 1 for it."""
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, int | Decimal) and value in (0, 1):
        return value == 1
    return None


def in_time(seconds: float, work: Callable[[], T], name: str) -> T | None:
    """What `work` returns; None when that takes longer than `seconds`.

    On a thread, because some clients wait for ever for a server that hangs and still answers the network's probes. Such
    a thread is left behind, and ends with the connection or the process.
    """
    try:
        return started(work, name).result(seconds)
    except TimeoutError:
        return None
