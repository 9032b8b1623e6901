"""The command `tidegate metrics`: figures for Prometheus."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.addresses import without_secrets
from tidegate.cli import console
from tidegate.cli.settings import load_settings
from tidegate.cli.words import with_plain_errors
from tidegate.errors import NotInstalledError

if TYPE_CHECKING:
    from tidegate.alerting.metrics.family import Family


@with_plain_errors
def metrics(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 for any.")] = 9464,
    once: Annotated[bool, typer.Option("--once", help="Print them, and end.")] = False,
) -> None:
    """Serve metrics in Prometheus's format, read from the ledger and Dagster's record at each scrape."""
    try:
        from tidegate.alerting.metrics.serve import page, serve
    except ImportError as error:
        raise NotInstalledError("Serving metrics", "prometheus-client", "metrics") from error

    read = _reader()
    # First, so that a home without a lake is refused, and the project is parsed before somebody waits.
    read()

    def complain(text: str) -> None:
        console.complain(without_secrets(text))

    if once:
        typer.echo(page(read, complain), nl=False)
        return
    port = serve(read, complain, host, port)
    console.say(f"Metrics are on http://{host}:{port}/metrics. Ctrl-C ends it.")
    threading.Event().wait()


def _reader() -> Callable[[], Sequence[Family]]:
    """What reads the metrics, of this moment."""
    from tidegate.alerting.metrics.gather import gather
    from tidegate.home import Home
    from tidegate.orchestration.history.opening import dagster_record
    from tidegate.orchestration.history.operations import operations_in

    home = Home(load_settings(), read_only=True)

    def read() -> Sequence[Family]:
        now = dt.datetime.now(dt.UTC)
        try:
            with home.lake() as lake, dagster_record(home.settings) as record:
                return gather(home, lake, operations_in(record, home, now), now)
        except BaseException:
            # The connection may be what is broken; the next scrape opens another.
            home.close()
            raise

    return read
