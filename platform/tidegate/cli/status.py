"""`tidegate status`: how the home stands, for people, for programs and for cron."""

from __future__ import annotations

from typing import Annotated

import typer

from tidegate.cli import console
from tidegate.cli.settings import load_settings
from tidegate.cli.words import AsTextOrJson, TextOrJson, with_plain_errors


@with_plain_errors
def status(
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Only the verdict; exit code 0 where all is published that should be, 3 where something is held, 4 "
            "where a source fails or the daemon does not run, 5 where a product is late.",
        ),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="All of it: each cause in full, with all its days.")
    ] = False,
    format: AsTextOrJson = TextOrJson.text,
) -> None:
    """What was delivered, published and held, and what to do next."""
    from tidegate.cli.read_status import read_status
    from tidegate.cli.show_status import print_status
    from tidegate.cli.verdict import as_plain, verdict_of
    from tidegate.home import Home
    from tidegate.orchestration.history.breaker import Pace
    from tidegate.orchestration.history.health import troubled_sources
    from tidegate.orchestration.history.opening import dagster_record

    home = Home(load_settings(), read_only=True)
    # First, as it refuses where there is no lake.
    with home.lake(), dagster_record(home.settings) as record:
        found = read_status(home, record)
        breakers = troubled_sources(record, list(home.contracts), Pace.of(home.settings))
    verdict = verdict_of(found, breakers)
    if format is TextOrJson.json:
        whole = {} if check else {"status": as_plain(found), "breakers": as_plain(breakers)}
        console.print_json({"verdict": as_plain(verdict), **whole})
    elif check:
        for sentence in verdict.sentences:
            console.say(sentence)
    else:
        print_status(found, breakers, verdict, verbose)
    if check and verdict.standing:
        raise typer.Exit(int(verdict.standing))
