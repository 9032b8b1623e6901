"""What Tidegate asks of Dagster's record, as plain values, whoever reads it: Dagster itself (`instance_record`), or
SQLite where nobody needs to wait for Dagster's import (`sqlite_record`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tidegate.orchestration.names import FINISHED


@dataclass(frozen=True)
class FinishedRun:
    """A run that ended, as Dagster recorded it. `status` is one of `FINISHED`; a run that was canceled in the queue
    never started, and may have no end either."""

    run_id: str
    job: str
    status: str
    tags: Mapping[str, str]
    started_at: dt.datetime | None
    ended_at: dt.datetime | None
    updated_at: dt.datetime

    @property
    def over_at(self) -> dt.datetime:
        """When it ended, as far as that is known."""
        return self.ended_at or self.updated_at


@dataclass(frozen=True)
class UnfinishedRun:
    """A run that is queued or running."""

    run_id: str
    job: str
    status: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Observation:
    """What was observed on a source, and by which run; "" for none."""

    at: dt.datetime
    run_id: str
    metadata: Mapping[str, object]


@dataclass(frozen=True)
class SensorState:
    """A sensor that the daemon knows. `succeeded_at` is when a tick ended well last, `error` what the newest tick said
    if it failed."""

    name: str
    is_on: bool
    ticked_at: dt.datetime | None
    succeeded_at: dt.datetime | None
    error: str = ""


class DagsterRecord(Protocol):
    """Lists of runs and observations begin with the newest entry."""

    def finished_runs(
        self,
        updated_after: dt.datetime | None,
        job: str | None = None,
        statuses: Sequence[str] = FINISHED,
        limit: int | None = None,
    ) -> Sequence[FinishedRun]:
        """The runs of a job, or of all, that ended so. `updated_after` has an offset."""
        ...

    def observations(self, source: str, limit: int) -> Sequence[Observation]: ...

    def unfinished_runs(self) -> Sequence[UnfinishedRun]: ...

    def why_lost(self, run_id: str) -> str | None:
        """What was recorded of a failed run that no step of its own failed: it was killed or took too long. None of
        any other."""
        ...

    def daemon_seen_at(self) -> dt.datetime | None:
        """The newest heartbeat of any of the daemon's threads."""
        ...

    def sensors(self) -> Sequence[SensorState]:
        """By name."""
        ...
