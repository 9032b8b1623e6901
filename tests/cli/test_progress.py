"""Progress of a backfill: a bar that moves while a chunk runs, and lines in a log, which nobody can draw over."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from tests.support.runs.changing import DAYS, deliver, new_crowd

from tidegate.cli.progress import SECONDS_BETWEEN_LINES, Shown
from tidegate.orchestration.outcomes import RunOutcome
from tidegate.orchestration.steps import Progress
from tidegate.window import Cadence, Window

WINDOW = Window(dt.date(2024, 1, 1), dt.date(2024, 1, 5))
FIRST, SECOND = WINDOW.chunks(2)


def outcome(window: Window, held: bool = False) -> RunOutcome:
    return RunOutcome("run", window, () if held else tuple(window.days), {window.start: ("why",)} if held else {})


def test_the_bar_moves_within_a_chunk() -> None:
    shown = Shown(WINDOW, Console(file=io.StringIO(), force_terminal=True, width=100))
    seen: list[float] = []

    def runs() -> Iterator[RunOutcome]:
        for chunk in (FIRST, SECOND):
            for ended in range(5):
                shown.step(Progress(chunk, ended, 4, "transform", "daily_sales"))
                seen.append(shown.bar.tasks[0].completed)
            yield outcome(chunk)

    assert len(shown.through(runs())) == 2
    assert seen == [0, 0.5, 1, 1.5, 2, 2, 2.5, 3, 3.5, 4]
    # What is restated after that moves nothing beyond the end.
    shown.step(Progress(FIRST, 1, 4, "transform"))
    assert shown.bar.tasks[0].completed == 4


def test_in_a_log_there_are_lines_and_nothing_that_draws_over_them() -> None:
    written, now = io.StringIO(), [0.0]
    shown = Shown(WINDOW, Console(file=written, width=200), clock=lambda: now[0])

    def runs() -> Iterator[RunOutcome]:
        now[0] = SECONDS_BETWEEN_LINES - 1
        shown.step(Progress(FIRST, 1, 4, "raw__orders"))
        now[0] = SECONDS_BETWEEN_LINES
        shown.step(Progress(FIRST, 2, 4, "transform", "daily_sales"))
        shown.step(Progress(FIRST, 3, 4, "serving"))
        yield outcome(FIRST, held=True)
        yield outcome(SECOND)

    shown.through(runs())
    assert written.getvalue().splitlines() == [
        "2024-01-01..2024-01-02: 2 of 4 steps, transform, daily_sales (0 of 4 days, 30 s)",
        "2024-01-01..2024-01-02 run, 1 held (2 of 4 days, 30 s)",
        "2024-01-03..2024-01-04 run, 1 held (4 of 4 days, 30 s)",
    ]


def test_one_run_for_all_days_leaves_the_saying_to_what_is_printed_at_its_end() -> None:
    written = io.StringIO()
    Shown(WINDOW, Console(file=written)).through([outcome(WINDOW)])
    assert written.getvalue() == ""


def test_of_what_is_due_the_days_that_are_done_are_counted() -> None:
    written = io.StringIO()
    mondays = Window(dt.date(2024, 1, 1), dt.date(2024, 1, 8), Cadence.weekly)
    due = [outcome(FIRST), outcome(SECOND, held=True), outcome(mondays)]
    Shown(None, Console(file=written, width=200), clock=lambda: 0.0).through(due)
    assert written.getvalue().splitlines() == [
        "2024-01-01..2024-01-02 run (2 days, 0 s)",
        "2024-01-03..2024-01-04 run, 1 held (4 days, 0 s)",
        "2024-01-01, 1 Monday, run, 1 held (4 days, 0 s)",
    ]


def test_the_bar_of_what_is_due_has_no_end_that_nobody_knows() -> None:
    shown = Shown(None, Console(file=io.StringIO(), force_terminal=True, width=100))
    shown.step(Progress(FIRST, 1, 4, "raw__orders"))
    assert shown.bar.tasks[0].total is None
    shown.through([outcome(FIRST)])
    assert shown.bar.tasks[0].completed == 2


@pytest.mark.slow
def test_a_run_tells_its_steps_as_they_end(tmp_path: Path) -> None:
    home = new_crowd(tmp_path)
    told: list[Progress] = []
    try:
        deliver(home, DAYS.start, 10)
        home.runner.on_progress = told.append
        home.runner.run(Window.of_day(DAYS.start))
    finally:
        home.close()
    assert {each.window for each in told} == {Window.of_day(DAYS.start)}
    ended = [each.ended for each in told]
    assert (ended[0], ended[-1]) == (0, told[-1].steps)
    assert ended == sorted(ended)
    assert "daily_visits" in {each.made for each in told}
