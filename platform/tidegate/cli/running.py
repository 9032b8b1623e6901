"""Running partitions from the command line: refuse what is none, show how it goes, and leave with what came of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

import typer

from tidegate.cli import console
from tidegate.cli.exit_codes import FAILED, GOOD, LOOK
from tidegate.cli.settings import load_settings
from tidegate.errors import TidegateError
from tidegate.machine.stopping import end_if_asked, until_asked
from tidegate.window import Cadence, Window

if TYPE_CHECKING:
    from tidegate.orchestration.outcomes import RunOutcome
    from tidegate.orchestration.runs import Runner


def run_and_leave(window: Window, *, backfill: bool = False, resume: bool = False, from_landing: bool = False) -> None:
    """Run the days as one run, or as a backfill, under a progress bar. Raises TidegateError for days that are none."""
    from tidegate.cli.progress import Shown
    from tidegate.home import Home
    from tidegate.orchestration.partitions import accepted_window
    from tidegate.orchestration.runs import Runner

    home = Home(load_settings())
    accepted_window(home, (str(window.start), str(window.last)), Cadence.daily)
    runner = Runner.open(home)
    shown = Shown(window)
    runner.on_progress = shown.step
    if backfill:
        runs = runner.backfill(window, resume=resume, from_landing=from_landing)
        outcomes = shown.through(until_asked(runs))
        leave_with(outcomes, lambda: _rest_of_backfill(runner, window))
    runs = runner.run_and_restate(window, from_landing=from_landing)
    outcomes = shown.through(until_asked(runs))
    leave_with(outcomes, lambda: _rest_of_run(outcomes, window))


def run_period_and_leave(partition: dt.date, cadence: Cadence) -> NoReturn:
    """Run one Monday or month. Raises TidegateError for a day that is no partition of the cadence."""
    from tidegate.home import Home
    from tidegate.orchestration.names import BUILD_JOBS
    from tidegate.orchestration.partitions import accepted_window
    from tidegate.orchestration.runs import Runner

    settings = load_settings()
    home = Home(settings)
    # First, as it refuses where there is no home: the project is parsed into one.
    runner = Runner.open(home)
    if cadence not in home.cadences:
        raise TidegateError(
            f"The dbt project in {settings.dbt_project} has no {cadence} marts, so there is no {cadence.singular} to "
            "run. Run days: tidegate run --partition DAY"
        )
    window = accepted_window(home, (str(partition), str(partition)), cadence)
    outcome = runner.run(window, job=BUILD_JOBS[cadence])
    again = f"Run it again: {console.run_command(cadence, partition)}"
    leave_with([outcome], lambda: f"{partition} is not published. {again}")


def restate_and_leave() -> NoReturn:
    from tidegate.cli.progress import Shown
    from tidegate.home import Home
    from tidegate.orchestration.runs import Runner

    runner = Runner.open(Home(load_settings()))
    shown = Shown(None)
    runner.on_progress = shown.step
    outcomes = shown.through(until_asked(runner.restate()))
    leave_with(outcomes, lambda: "Other days may still be due. Go on with: tidegate restate")


def leave_with(outcomes: Sequence[RunOutcome], rest: Callable[[], str]) -> NoReturn:
    """Print what came of the runs, and leave with what that is: all published, something held, or a step that broke.
    Raises StoppedError, which says what the `rest` is, when they were stopped."""
    console.print_outcomes(outcomes)
    end_if_asked(rest)
    if any(outcome.broke for outcome in outcomes):
        raise typer.Exit(FAILED)
    raise typer.Exit(GOOD if all(outcome.succeeded for outcome in outcomes) else LOOK)


def _rest_of_backfill(runner: Runner, window: Window) -> str:
    left = runner.left_of_backfill(window)
    return (
        f"Stopped. Of the {len(window.days)} days of {window}, {len(window.days) - len(left)} are published and "
        f"{len(left)} are left. Go on with: tidegate backfill --from {window.start} --to {window.last} --resume"
    )


def _rest_of_run(outcomes: Sequence[RunOutcome], window: Window) -> str:
    if any(outcome.published for outcome in outcomes if not outcome.restates):
        return (
            f"Stopped. {window} is published; days that its deliveries touched may be due. Go on with: tidegate restate"
        )
    return f"Stopped. {window} was not published by this run. Run it again: tidegate run --partition {window.start}"
