"""The commands that say where a figure comes from: `tidegate why`, `history` and `verify`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from tidegate.asked_days import day_of
from tidegate.cli import console
from tidegate.cli.exit_codes import LOOK
from tidegate.cli.settings import load_settings
from tidegate.cli.words import AsTextOrJson, TextOrJson, ends_when_asked, with_plain_errors
from tidegate.errors import TidegateError
from tidegate.window import Cadence

Partition = Annotated[
    str, typer.Option(metavar="YYYY-MM-DD", help="The day, or the Monday or month, by its first day.")
]
OfCadence = Annotated[Cadence, typer.Option(help="Whether it is a day, a morning, a Monday or a month.")]


@with_plain_errors
def why(
    mart: Annotated[str, typer.Argument(help="A published mart.")],
    partition: Partition,
    column: Annotated[str | None, typer.Option(metavar="NAME", help="Only this column of it.")] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=VALUE", help="Only these rows, with the lines of files behind them; may repeat."),
    ] = None,
    format: AsTextOrJson = TextOrJson.text,
) -> None:
    """Say why a mart shows what it shows of a partition: publication, build, logic, checks, deliveries, decisions."""
    from tidegate.cli.show_provenance import print_why
    from tidegate.home import Home
    from tidegate.provenance.why import why as find_out

    found = find_out(Home(load_settings(), read_only=True), mart, day_of(partition), column, _key_of(key or []))
    if format is TextOrJson.json:
        console.print_json(asdict(found))
    else:
        print_why(found)


@with_plain_errors
def history(partition: Partition, cadence: OfCadence = Cadence.daily, format: AsTextOrJson = TextOrJson.text) -> None:
    """List everything that happened to a partition, oldest first."""
    from tidegate.cli.show_provenance import print_history
    from tidegate.home import Home
    from tidegate.provenance.history import history_of

    with Home(load_settings(), read_only=True).lake() as lake:
        events = history_of(lake.con, day_of(partition), cadence)
    if format is TextOrJson.json:
        console.print_json([asdict(event) for event in events])
    else:
        print_history(events, day_of(partition))


@with_plain_errors
@ends_when_asked
def verify(partition: Partition, cadence: OfCadence = Cadence.daily, format: AsTextOrJson = TextOrJson.text) -> None:
    """Build a partition again from the archive, beside what is published, and compare; exit code 3 where it differs."""
    from tidegate.cli.show_provenance import print_verified
    from tidegate.home import Home
    from tidegate.provenance.verify import verify as build_again

    verified = build_again(Home(load_settings()), day_of(partition), cadence)
    if format is TextOrJson.json:
        console.print_json({**asdict(verified), "is_equal": verified.is_equal})
    else:
        print_verified(verified)
    if not verified.is_equal:
        raise typer.Exit(LOOK)


def _key_of(written: list[str]) -> dict[str, str]:
    """Values by column. Raises TidegateError for what is not written so."""
    found: dict[str, str] = {}
    for each in written:
        name, equals, value = each.partition("=")
        if not equals or not name:
            raise TidegateError(f"{each!r} is not a column and its value. Write it as product_category=Electronics.")
        found[name] = value
    return found
