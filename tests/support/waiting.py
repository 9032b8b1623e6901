"""Waiting for what another process does, for as long as it may take and no longer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.5
# Dagster's daemon looks at a backfill every 30 s: it starts at one look and is found complete two looks later. A run
# takes about 10 s. The rest is for machines that do other work at the same time.
RUN_SECONDS = 240


def wait_for(what: str, ask: Callable[[], T | None], seconds: float = RUN_SECONDS, every: float = POLL_SECONDS) -> T:
    """The first answer that is true, so neither None nor empty; fails when the deadline passes."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds:.0f} s.")
        time.sleep(every)
    return answer
