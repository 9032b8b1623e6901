"""The command `tidegate lineage`: runs in the open standard OpenLineage."""

from __future__ import annotations

from typing import Annotated

import typer

from tidegate.cli import console
from tidegate.cli.settings import load_settings
from tidegate.cli.words import with_plain_errors


@with_plain_errors
def lineage(
    send: Annotated[bool, typer.Option("--send", help="Tell the receiver that TIDEGATE_OPENLINEAGE names.")] = False,
) -> None:
    """Print the runs of the last week that no receiver of OpenLineage was told of, an event a line."""
    from tidegate.home import Home
    from tidegate.provenance.openlineage.telling import tell_receiver, unreported_as_json

    home = Home(load_settings(), read_only=not send)
    with home.lake() as lake:
        if send:
            told = tell_receiver(home, lake)
            console.say(f"Told of {told.runs} runs by {told.events} events.")
            return
        for event in unreported_as_json(home, lake):
            typer.echo(event)
