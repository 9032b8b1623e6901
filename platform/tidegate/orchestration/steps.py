"""How far a run is that this process executes: its steps, as they begin and end, and what they make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dagster import DagsterEventType, EventLogEntry

from tidegate.window import Window


@dataclass(frozen=True)
class Progress:
    """Of a run's steps, how many ended; which one began last, and which table was made last."""

    window: Window
    ended: int
    steps: int
    name: str
    made: str = ""

    @property
    def sentence(self) -> str:
        return f"{self.window}: {self.ended} of {self.steps} steps, {self.name}{f', {self.made}' if self.made else ''}"


@dataclass
class StepsOfARun:
    """Hears a run's events, and tells how far it is after each one that says so."""

    window: Window
    steps: int
    tell: Callable[[Progress], None]
    ended: set[str] = field(default_factory=set)

    def hear(self, entry: EventLogEntry) -> None:
        event = entry.dagster_event
        if event is None or event.step_key is None:
            return
        made = ""
        match event.event_type:
            case DagsterEventType.STEP_SUCCESS | DagsterEventType.STEP_FAILURE | DagsterEventType.STEP_SKIPPED:
                self.ended.add(event.step_key)
            case DagsterEventType.ASSET_MATERIALIZATION:
                made = event.asset_key.path[-1] if event.asset_key else ""
            case DagsterEventType.STEP_START:
                pass
            case _:
                return
        self.tell(Progress(self.window, min(len(self.ended), self.steps), self.steps, event.step_key, made))
