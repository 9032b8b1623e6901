"""`tidegate worker`: this machine takes runs from the queue."""

from __future__ import annotations

from typing import Annotated

import typer

from tidegate.cli.settings import load_settings
from tidegate.cli.words import with_plain_errors
from tidegate.errors import NotInstalledError, TidegateError


@with_plain_errors
def worker(
    concurrency: Annotated[int, typer.Option(min=1, help="Runs at once; each takes TIDEGATE_MEMORY_LIMIT.")] = 1,
    queue: Annotated[list[str] | None, typer.Option(help="Queue to take runs from; may be given twice.")] = None,
) -> None:
    """Take runs from the queue and execute them, until asked to stop; what is under way is finished then."""
    settings = load_settings()
    if settings.deployment != "celery":
        raise TidegateError(
            f"TIDEGATE_DEPLOYMENT is {settings.deployment}, and only celery has workers. Nothing was started. Set it, "
            "and what it needs: docs/many-machines.md"
        )
    if concurrency > settings.workers:
        raise TidegateError(
            f"This worker would take {concurrency} runs at once, and TIDEGATE_WORKERS allows {settings.workers} on all "
            "machines together. Nothing was started. Raise it everywhere, then: tidegate init"
        )
    from tidegate.home import Home
    from tidegate.orchestration.instance.dagster_home import open_instance

    # What cannot work is said now, and not by the first run.
    home = Home(settings)
    _ = home.contracts
    open_instance(settings).dispose()
    _ = home.cadences
    home.close()
    try:
        from tidegate.orchestration.instance.workers.app import start
    except ModuleNotFoundError as error:
        raise NotInstalledError("A worker", str(error.name), "celery") from error
    start(concurrency, queue or [])
