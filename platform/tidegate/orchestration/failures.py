"""How a step fails: what a person can act on reads as a sentence, what can heal by itself is tried again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from tidegate.errors import LakeBusyError, TidegateError

# Another writer holds a lease for as long as its step runs; three tries outlast a large backfill's chunk. Each waits
# twice as long as the one before.
BUSY_RETRIES = 3
BUSY_WAIT_SECONDS = 30


@contextmanager
def told_to_people(context: dg.AssetExecutionContext | dg.OpExecutionContext) -> Iterator[None]:
    """Turn Tidegate's own errors into Dagster failures: a busy lake is retried, nothing else of theirs is.

    A source that is down was given its time by whoever asked it, and its sensor asks again, at its breaker's pace.
    """
    try:
        yield
    except LakeBusyError as busy:
        wait = BUSY_WAIT_SECONDS * 2**context.retry_number
        raise dg.RetryRequested(max_retries=BUSY_RETRIES, seconds_to_wait=wait) from busy
    except TidegateError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
