"""The commands `tidegate quarantine …`: rows that were kept out, and letting them in once fixed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.asked_days import day_of, window_of
from tidegate.cli import console
from tidegate.cli.commands import Commands
from tidegate.cli.listing import AsListed, ListFormat, print_list
from tidegate.cli.running import run_and_leave
from tidegate.cli.settings import load_settings
from tidegate.cli.words import ends_when_asked, refuse_unknown_source, with_plain_errors
from tidegate.errors import TidegateError
from tidegate.window import Window

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from tidegate.settings import Settings

quarantine_app = Commands(help="Rows that were kept out, and letting them in once fixed.", no_args_is_help=True)


@quarantine_app.command("list")
@with_plain_errors
def quarantine_list(
    source: Annotated[str | None, typer.Option()] = None,
    from_: Annotated[str | None, typer.Option("--from", metavar="YYYY-MM-DD")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="YYYY-MM-DD")] = None,
    how: AsListed = ListFormat.table,
) -> None:
    """Rows in quarantine by source, region, day and reason."""
    from tidegate.intake.read_quarantine import list_quarantine
    from tidegate.lake.config import LakeConfig
    from tidegate.lake.connect import Lake

    settings, window = load_settings(), window_of(from_, to)
    with Lake.open(LakeConfig.of(settings), read_only=True) as lake:
        _refuse_unknown_source(lake.con, settings, source)
        counts = list_quarantine(lake.con, source, window=window)
    rows = [(each.source, each.region, each.day, each.reason, each.rows) for each in counts]
    print_list(("source", "region", "day", "reason", "rows"), rows, how, "Nothing is in quarantine.")


@quarantine_app.command("show")
@with_plain_errors
def quarantine_show(
    source: Annotated[str, typer.Option()],
    partition: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="One day.")] = None,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="The first of several days.")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="The last of them, included.")] = None,
    region: Annotated[str | None, typer.Option()] = None,
    reason: Annotated[str | None, typer.Option()] = None,
    limit: Annotated[int, typer.Option(min=1)] = 20,
    how: AsListed = ListFormat.table,
) -> None:
    """The rows of a day, or of several, in quarantine, as they were delivered."""
    from tidegate.intake.read_quarantine import show
    from tidegate.lake.config import LakeConfig
    from tidegate.lake.connect import Lake

    if partition is not None and (from_ is not None or to is not None):
        raise TidegateError("Say --partition for one day, or --from and --to for several, and not both.")
    settings, days = load_settings(), Window.of_day(day_of(partition)) if partition else window_of(from_, to)
    with Lake.open(LakeConfig.of(settings), read_only=True) as lake:
        _refuse_unknown_source(lake.con, settings, source)
        rows = show(lake.con, source, region, days, reason, limit)
    if how is ListFormat.json:
        names = ("region", "day", "file", "line", "reasons", "raw")
        print_list(names, [[getattr(row, name) for name in names] for row in rows], how, "")
    else:
        console.print_quarantined_rows(rows)


@quarantine_app.command("replay")
@with_plain_errors
@ends_when_asked
def quarantine_replay(
    source: Annotated[str, typer.Option()],
    partition: Annotated[str, typer.Option(metavar="YYYY-MM-DD")],
) -> None:
    """Judge a day's newest deliveries again, after the contract or the file was fixed, and load what passes."""
    refuse_unknown_source(load_settings(), source)
    run_and_leave(Window.of_day(day_of(partition)))


def _refuse_unknown_source(con: DuckDBPyConnection, settings: Settings, source: str | None) -> None:
    """Raise TidegateError for a source without a contract, unless it had one when rows of it were kept out."""
    from tidegate.intake.read_quarantine import quarantined_sources

    if source is not None and source not in quarantined_sources(con):
        refuse_unknown_source(settings, source)
