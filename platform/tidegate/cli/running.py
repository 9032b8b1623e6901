"""Running partitions from the command line: refuse what is none, show how it goes, and leave with what came of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

import typer

from tidegate import console
from tidegate.settings import load_settings
from tidegate.window import Cadence, Window

if TYPE_CHECKING:
    from tidegate.orchestration.runs import RunOutcome


def run_and_leave(window: Window, *, backfill: bool = False, resume: bool = False, from_landing: bool = False) -> None:
    """Run the days as one run, or as a backfill, under a progress bar. Raises TidegateError for days that are none."""
    from tidegate.home import Home
    from tidegate.orchestration.partitions import accepted_window
    from tidegate.orchestration.runs import Runner

    settings = load_settings()
    accepted_window(settings, (str(window.start), str(window.last)), Cadence.daily)
    runner = Runner.open(Home(settings))
    runs = (
        runner.backfill(window, resume=resume, from_landing=from_landing)
        if backfill
        else runner.run_and_restate(window, from_landing=from_landing)
    )
    leave_with(console.show_progress(runs, window))


def run_monday_and_leave(monday: dt.date) -> NoReturn:
    """Run one Monday. Raises TidegateError for a day that has no weekly partition."""
    from tidegate.home import Home
    from tidegate.orchestration.names import WEEKLY_JOB
    from tidegate.orchestration.partitions import accepted_window
    from tidegate.orchestration.runs import Runner

    settings = load_settings()
    window = accepted_window(settings, (str(monday), str(monday)), Cadence.weekly)
    leave_with([Runner.open(Home(settings)).run(window, job=WEEKLY_JOB)])


def leave_with(outcomes: Sequence[RunOutcome]) -> NoReturn:
    """Print what came of the runs, and leave with exit code 1 when anything is held."""
    console.print_outcomes(outcomes)
    raise typer.Exit(0 if all(outcome.succeeded for outcome in outcomes) else 1)
