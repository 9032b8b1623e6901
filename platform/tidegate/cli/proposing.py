"""The command that checks a proposed change: `tidegate ci`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli import console
from tidegate.cli.settings import load_settings
from tidegate.cli.words import ends_when_asked, with_plain_errors
from tidegate.errors import TidegateError
from tidegate.machine.stopping import end_if_asked

if TYPE_CHECKING:
    from tidegate.settings import Settings

# Days, and orders a day, of the demo's lake: with a Monday among them, and made in half a minute.
DEMO_DAYS = 10
DEMO_ORDERS = 100
DEMO_SEED = 7


@with_plain_errors
@ends_when_asked
def ci(
    base: Annotated[str, typer.Option(metavar="REVISION", help="What the change is to go into, as git names it.")],
    days: Annotated[int, typer.Option(min=1, help="Published days to try it on, newest and dirtiest first.")] = 7,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report there.")] = None,
) -> None:
    """Check a proposed change: build it and what it goes into on sample days, compare, and report as Markdown.

    The lake is only read, and all is built in a throwaway home; without a lake, the demo's is made there.

    Exit code 0: nothing that is published changes, or something is only added. 3: what is published would change.
    4: the change would be refused. 1: it could not be checked.
    """
    from tidegate.changes.proposal.check import check_proposal
    from tidegate.changes.proposal.report import report_on

    if output and not output.absolute().parent.is_dir():
        raise TidegateError(
            f"There is no folder {output.absolute().parent} for the report. Nothing was checked or changed. Make it, "
            "or name another --output."
        )
    checked = check_proposal(load_settings(), base, days, _fill_demo, _tell)
    report = report_on(checked)
    if output:
        output.write_text(report, encoding="utf-8")
    else:
        typer.echo(report)
    raise typer.Exit(checked.verdict.exit_code)


def _fill_demo(settings: Settings) -> None:
    """Make the lake of these settings, and publish the demo's days in it."""
    from tidegate.demo.deliveries import demo_landing
    from tidegate.demo.shop import write_shop
    from tidegate.orchestration.instance.initialise import initialise
    from tidegate.orchestration.runs import Runner
    from tidegate.window import ONE_DAY, Window

    first = settings.start_date
    write_shop(
        demo_landing(Path(settings.landing)),
        first_day=first,
        days=DEMO_DAYS,
        orders_per_day=DEMO_ORDERS,
        seed=DEMO_SEED,
        zone=settings.zone,
    )
    home = initialise(settings)
    try:
        for outcome in Runner.open(home).backfill(Window(first, first + ONE_DAY * DEMO_DAYS)):
            _tell(f"Made {outcome.window}")
    finally:
        home.close()


def _tell(what: str) -> None:
    end_if_asked(lambda: "Stopped. Nothing of it is kept.")
    console.note(what)
