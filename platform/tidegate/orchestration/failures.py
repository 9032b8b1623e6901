"""How a step fails: what a person can act on reads as a sentence, what can heal by itself is tried again.

Every step does its work inside `as_dagster_failure`, so what no step may do is refused there too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite

import dagster as dg

from tidegate.addresses import holds_secret, without_secrets
from tidegate.errors import LakeBusyError, TidegateError
from tidegate.lake.trouble import trouble
from tidegate.machine.stopping import stop_is_asked

# Another writer holds a lease for as long as its step runs; three tries outlast a large backfill's chunk. Each waits
# twice as long as the one before.
BUSY_RETRIES = 3
BUSY_WAIT_SECONDS = 30

STOPPED = "Stopped by Ctrl-C or SIGTERM. Committed data is kept; the rest is due again."

# By either, Dagster limits a run. It takes what is not a number, and 0, for no limit at all.
RUN_LIMIT_TAGS = (dg.MAX_RUNTIME_SECONDS_TAG, "dagster/max_runtime_seconds")


@contextmanager
def as_dagster_failure(context: dg.AssetExecutionContext | dg.OpExecutionContext) -> Iterator[None]:
    """Turn Tidegate's own errors into Dagster failures: a busy lake is retried, nothing else of theirs is.

    A source that is down was given its time by whoever asked it, and its sensor asks again, at its breaker's pace.
    """
    _refuse_unlimited_run(context.run)
    _end_if_asked(context)
    try:
        yield
    except LakeBusyError as busy:
        wait = BUSY_WAIT_SECONDS * 2**context.retry_number
        raise dg.RetryRequested(max_retries=BUSY_RETRIES, seconds_to_wait=wait) from busy
    except TidegateError as error:
        # What it was raised from is left out: Dagster keeps the texts of a whole chain, and the message is the story.
        raise dg.Failure(str(error), allow_retries=False) from None
    except Exception as error:
        if understood := trouble(error):
            raise dg.Failure(str(understood), allow_retries=False) from None
        if any(holds_secret(str(each)) for each in _chain(error)):
            raise dg.Failure(f"{type(error).__name__}: {without_secrets(str(error))}") from None
        raise


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _refuse_unlimited_run(run: dg.DagsterRun) -> None:
    for tag in RUN_LIMIT_TAGS:
        if tag in run.tags and not _is_a_limit(run.tags[tag]):
            raise dg.Failure(
                f"This run has the tag {tag}: {run.tags[tag]}, so nothing would ever end it, or everything at once. "
                "Nothing was changed. Launch it again with a number of seconds above 0, or without the tag.",
                allow_retries=False,
            )


def _end_if_asked(context: dg.AssetExecutionContext | dg.OpExecutionContext) -> None:
    """End the run before this step, as canceled, where the command line was asked to stop."""
    if stop_is_asked():
        # To Dagster, an interrupted run that nobody wanted to cancel has failed.
        context.instance.report_run_canceling(context.run, STOPPED)
        raise dg.DagsterExecutionInterruptedError(STOPPED)


def _is_a_limit(seconds: str) -> bool:
    try:
        return isfinite(float(seconds)) and float(seconds) > 0
    except ValueError:
        return False
