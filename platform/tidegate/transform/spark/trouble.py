"""What goes wrong with a model that Spark runs, in a sentence of it. The server's traces stay with the server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tidegate.errors import TidegateError

# What the client says of a server that is gone, or goes while it works.
_OUTAGES = ("UNAVAILABLE", "RETRIES_EXCEEDED", "failed to connect")


class SparkError(TidegateError):
    """Spark did not make a model."""


@contextmanager
def in_a_sentence() -> Iterator[None]:
    """Raise what Spark's client says as SparkError: of a server that went away as of an outage, which may pass."""
    # With its client.
    from pyspark.errors import PySparkException

    try:
        yield
    except PySparkException as error:
        said = _without_trace(f"{type(error).__name__}: {error}")
        if any(sign in said for sign in _OUTAGES):
            raise SparkError(
                f"Connection Error: Spark (TIDEGATE_SPARK) went away: {said}. Run it again once it is back."
            ) from error
        raise SparkError(said) from error


def _without_trace(said: str) -> str:
    head, _, _ = said.strip().partition("\n\nJVM stacktrace:")
    return head
