"""How far runs are: a bar that moves within a chunk where somebody looks, and lines in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from tidegate.cli import console
from tidegate.window import Cadence, Window

if TYPE_CHECKING:
    from tidegate.orchestration.outcomes import RunOutcome
    from tidegate.orchestration.steps import Progress

# In a log, a line is for who asks whether it still moves.
SECONDS_BETWEEN_LINES = 30.0


class Shown:
    """The progress of running `window`, on standard error. Restatements count beside its days.

    Without a window, as for what is due, nobody knows yet how many days it will be: each that is done counts.
    """

    def __init__(
        self, window: Window | None, shown_on: Console = console.err, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.window = window
        self.what = str(window or "what is due")
        self.days = len(window.days) if window else None
        self.console = shown_on
        self.clock = clock
        self.done: list[RunOutcome] = []
        self.days_done = 0
        self.began = self.last_line = clock()
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("days"), TimeElapsedColumn())
        self.bar = Bar(TextColumn("{task.description}"), *columns, console=shown_on, transient=True)
        self.task: TaskID = self.bar.add_task(self.what, total=self.days)

    def step(self, progress: Progress) -> None:
        """Say how far the run is that is under way."""
        within = len(progress.window.days) * progress.ended / max(progress.steps, 1)
        far = self.days_done if self.days is None else min(self.days_done + within, self.days)
        self.bar.update(self.task, description=f"{progress.sentence}{self._held()}", completed=far)
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
            cadence = outcome.window.cadence
            self.days_done += len(outcome.window.days) if self._counts(outcome) else 0
            self.bar.update(self.task, description=f"{self.what}{self._held()}", completed=self.days_done)
            # One run for all of it says so itself when it ended.
            if not self.console.is_terminal and outcome.window != self.window:
                of = "" if cadence is self._cadence else f", {cadence.counted(len(outcome.window.days))},"
                self._line(f"{outcome.window}{of} {'restated' if outcome.restates else 'run'}{self._held()}")
        return self.done

    @property
    def _cadence(self) -> Cadence:
        return self.window.cadence if self.window else Cadence.daily

    def _counts(self, outcome: RunOutcome) -> bool:
        """Whether its days are some of those that were asked for."""
        is_asked_for = self.window is None or not outcome.restates
        return is_asked_for and outcome.window.cadence is self._cadence

    def _line(self, text: str) -> None:
        self.last_line = self.clock()
        far = f"{self.days_done:,} of {self.days:,} days" if self.days else f"{self.days_done:,} days"
        self.console.print(f"{text} ({far}, {self.clock() - self.began:,.0f} s)", markup=False, style="dim")

    def _held(self) -> str:
        held = sum(len(each.held) for each in self.done)
        return f", {held:,} held" if held else ""
