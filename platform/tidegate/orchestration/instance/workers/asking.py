"""Which workers are there, asked of themselves through the broker."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from celery import Celery

from tidegate.errors import TidegateError
from tidegate.orchestration.instance.workers.broker import BROKER_TROUBLE, SETTINGS

ANSWER_SECONDS = 2.0


def processes_of_workers() -> dict[str, int]:
    """How many processes each worker has that answers. Raises TidegateError where the broker cannot be reached."""
    app = Celery("tidegate", broker=os.environ.get("REDIS_URL"))
    app.conf.update(SETTINGS)
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1)
        answers: Mapping[str, Any] = app.control.inspect(timeout=ANSWER_SECONDS).stats() or {}
    except BROKER_TROUBLE as error:
        raise TidegateError(
            f"The broker of the workers (REDIS_URL) cannot be reached: {error}. No run can be started. "
            "See that Redis runs."
        ) from error
    return {name: int(found["pool"]["max-concurrency"]) for name, found in answers.items()}
