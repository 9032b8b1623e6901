"""The commands that change logic: `tidegate plan`, `apply` and `changes`."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.asked_days import window_of
from tidegate.cli import console
from tidegate.cli.settings import load_settings
from tidegate.cli.words import AsTextOrJson, TextOrJson, ends_when_asked, with_plain_errors
from tidegate.machine.stopping import end_if_asked
from tidegate.window import Window

if TYPE_CHECKING:
    from tidegate.changes.cost import Cost

From = Annotated[str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="Only partitions from this one on.")]
To = Annotated[str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="Only partitions up to this one.")]
Everything = Annotated[
    bool, typer.Option("--all", help="All that is published, whatever logic it was built with.", show_default=False)
]


class PlanFormat(StrEnum):
    text = "text"
    markdown = "markdown"
    json = "json"
    html = "html"


@with_plain_errors
@ends_when_asked
def plan(
    from_: From = None,
    to: To = None,
    everything: Everything = False,
    format: Annotated[PlanFormat, typer.Option(help="How to print.")] = PlanFormat.text,
) -> None:
    """Show what the project's changed logic would do to what is published: built beside it, tested and compared."""
    from tidegate.changes.plan import make_plan
    from tidegate.changes.showing.markdown import as_markdown
    from tidegate.cli.show_plan import as_json, print_plan
    from tidegate.home import Home

    home = Home(load_settings())
    planned = make_plan(home, window_of(from_, to), everything=everything, on_cost=_tell_cost, on_chunk=_tell)
    match format:
        case PlanFormat.json:
            typer.echo(as_json(planned))
        case PlanFormat.markdown:
            typer.echo(as_markdown(planned))
        case PlanFormat.html:
            # It imports what draws.
            from tidegate.changes.showing.page import as_page

            typer.echo(as_page(planned))
        case PlanFormat.text:
            print_plan(planned)


@with_plain_errors
@ends_when_asked
def apply(
    from_: From = None,
    to: To = None,
    everything: Everything = False,
    leave_held: Annotated[
        bool, typer.Option("--leave-held", help="Leave published partitions that may not be published now.")
    ] = False,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why; goes into the ledger.")] = None,
) -> None:
    """Publish what a plan of the same partitions has built, all of it in one moment."""
    from tidegate.changes.switching import Decision
    from tidegate.cli.show_plan import print_applied
    from tidegate.home import Home
    from tidegate.machine.processes import person
    from tidegate.orchestration.changes import apply_and_report
    from tidegate.orchestration.instance.dagster_home import open_instance

    home = Home(load_settings())
    decision = Decision(person(), reason)
    with open_instance(home.settings) as instance:
        applied = apply_and_report(
            home,
            instance,
            decision,
            window_of(from_, to),
            everything=everything,
            leave_held=leave_held,
            on_chunk=_tell,
        )
    print_applied(applied)


@with_plain_errors
def changes(format: AsTextOrJson = TextOrJson.text) -> None:
    """The changes of logic that were applied, oldest first, and those that were taken back."""
    from tidegate.cli.show_plan import print_changes
    from tidegate.home import Home
    from tidegate.ledger.changes import changes_made

    with Home(load_settings(), read_only=True).lake() as lake:
        made = changes_made(lake.con)
    if format is TextOrJson.json:
        console.print_json([asdict(change) for change in made])
    else:
        print_changes(made)


def take_back(change_id: str, reason: str | None) -> None:
    """Take a change back, and say so."""
    from tidegate.changes.switching import Decision
    from tidegate.home import Home
    from tidegate.machine.processes import person
    from tidegate.orchestration.changes import take_back_and_report
    from tidegate.orchestration.instance.dagster_home import open_instance

    home = Home(load_settings())
    with open_instance(home.settings) as instance:
        taken = take_back_and_report(home, instance, change_id, Decision(person(), reason))
    console.say(
        f"Change {taken.restores[:8] if taken.restores else ''} is taken back, by change {taken.change_id[:8]}: "
        f"{taken.partitions:,} partitions show what they showed before, until their data changes."
    )


def _tell_cost(cost: Cost) -> None:
    from tidegate.changes.showing.sentences import cost as in_words

    console.note(in_words(cost))


def _tell(window: Window) -> None:
    end_if_asked(lambda: "Stopped. What was built is kept; the same command goes on from there.")
    console.note(f"Building {window.cadence.counted(len(window.days))} beside: {window}")
