"""What a source says of a day before it is fetched: the first row of a readyQuery."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TypeVar

from tidegate.machine.background import started

T = TypeVar("T")


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
