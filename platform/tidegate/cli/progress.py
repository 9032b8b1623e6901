"""How far a run or a backfill is: a bar that moves within a chunk where somebody looks, and lines in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from tidegate.cli import console
from tidegate.window import Window

if TYPE_CHECKING:
    from tidegate.orchestration.outcomes import RunOutcome
    from tidegate.orchestration.steps import Progress

# In a log, a line is for who asks whether it still moves.
SECONDS_BETWEEN_LINES = 30.0


class Shown:
    """The progress of running `window`, on standard error. Restatements count beside its days."""

    def __init__(
        self, window: Window, shown_on: Console = console.err, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.window = window
        self.console = shown_on
        self.clock = clock
        self.done: list[RunOutcome] = []
        self.days_done = 0
        self.began = self.last_line = clock()
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("days"), TimeElapsedColumn())
        self.bar = Bar(TextColumn("{task.description}"), *columns, console=shown_on, transient=True)
        self.task: TaskID = self.bar.add_task(f"{window}", total=len(window.days))

    def step(self, progress: Progress) -> None:
        """Say how far the run is that is under way."""
        within = len(progress.window.days) * progress.ended / max(progress.steps, 1)
        is_asked_for = self.days_done < len(self.window.days)
        self.bar.update(
            self.task,
            description=f"{progress.sentence}{self._held()}",
            completed=min(self.days_done + (within if is_asked_for else 0), len(self.window.days)),
        )
        if not self.console.is_terminal and self.clock() - self.last_line >= SECONDS_BETWEEN_LINES:
            self._line(progress.sentence)

    def through(self, outcomes: Iterable[RunOutcome]) -> list[RunOutcome]:
        """Go through the runs, and return what came of them."""
        if self.console.is_terminal:
            with self.bar:
                return self._through(outcomes)
        return self._through(outcomes)

    def _through(self, outcomes: Iterable[RunOutcome]) -> list[RunOutcome]:
        for outcome in outcomes:
            self.done.append(outcome)
            is_asked_for = not outcome.restates and outcome.window.cadence is self.window.cadence
            self.days_done += len(outcome.window.days) if is_asked_for else 0
            self.bar.update(self.task, description=f"{self.window}{self._held()}", completed=self.days_done)
            # One run for all of it says so itself when it ended.
            if not self.console.is_terminal and outcome.window != self.window:
                cadence = outcome.window.cadence
                of = "" if cadence is self.window.cadence else f", {cadence.counted(len(outcome.window.days))},"
                self._line(f"{outcome.window}{of} {'restated' if outcome.restates else 'run'}{self._held()}")
        return self.done

    def _line(self, text: str) -> None:
        self.last_line = self.clock()
        far = f"{self.days_done:,} of {len(self.window.days):,} days"
        self.console.print(f"{text} ({far}, {self.clock() - self.began:,.0f} s)", markup=False, style="dim")

    def _held(self) -> str:
        held = sum(len(each.held) for each in self.done)
        return f", {held:,} held" if held else ""
