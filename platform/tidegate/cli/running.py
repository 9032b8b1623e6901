"""Running partitions from the command line: refuse what is none, show how it goes, and leave with what came of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

import typer

from tidegate import console
from tidegate.errors import TidegateError
from tidegate.settings import Settings, load_settings
from tidegate.window import Cadence, Window

if TYPE_CHECKING:
    from tidegate.orchestration.runs import RunOutcome


def run_and_leave(window: Window, *, backfill: bool = False, resume: bool = False, from_landing: bool = False) -> None:
    """Run the days as one run, or as a backfill, under a progress bar. Raises TidegateError for days that are none."""
    from tidegate.home import Home
    from tidegate.orchestration.runs import Runner

    settings = load_settings()
    _refuse_days_out_of_range(settings, window)
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
    from tidegate.orchestration.partitions import first_monday
    from tidegate.orchestration.runs import Runner

    settings = load_settings()
    first, today = first_monday(settings), dt.datetime.now(dt.UTC).date()
    newest = today - dt.timedelta(days=today.weekday())
    if monday.weekday() or not first <= monday <= today:
        raise TidegateError(
            f"There is no weekly partition {monday}: they are the Mondays from {first} to {newest}. Choose one of them."
        )
    leave_with([Runner.open(Home(settings)).run(Window.of_day(monday, Cadence.weekly), job=WEEKLY_JOB)])


def leave_with(outcomes: Sequence[RunOutcome]) -> NoReturn:
    """Print what came of the runs, and leave with exit code 1 when anything is held."""
    console.print_outcomes(outcomes)
    raise typer.Exit(0 if all(outcome.succeeded for outcome in outcomes) else 1)


def _refuse_days_out_of_range(settings: Settings, window: Window) -> None:
    today = dt.datetime.now(dt.UTC).date()
    if window.start < settings.start_date:
        raise TidegateError(
            f"{window.start} is before the first partition, {settings.start_date}. "
            "Choose a later day, or set TIDEGATE_START_DATE."
        )
    if window.end > today:
        raise TidegateError(f"{window} has not ended yet: today is {today} (UTC). Choose days before it.")
