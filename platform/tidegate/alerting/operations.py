"""What Dagster's record says of how the platform runs, as plain values. Who reads it there hands it in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class FailingSource:
    """A source that is not asked any more, or only to see whether it answers again. `sentence` says since when."""

    source: str
    failures: int
    sentence: str


@dataclass(frozen=True)
class LostRun:
    """A run that was killed, or ended as it took too long, and that no later run of its job made up for."""

    run_id: str
    job: str
    days: tuple[dt.date, ...]
    ended_at: dt.datetime
    why: str


@dataclass(frozen=True)
class SensorTicks:
    """A sensor that is switched on: when it ticked last, and well, and what it said when it failed."""

    name: str
    ticked_at: dt.datetime | None
    succeeded_at: dt.datetime | None
    error: str = ""


@dataclass(frozen=True)
class Operations:
    """One look at how the platform runs. Moments have an offset.

    `daemon_seen_at` is the newest heartbeat of the daemon, None where none ever ran. `awake_since`:
    since when the daemon has been looking without a long break, where that is known; after one, no sensor has ticked.
    """

    sources: Mapping[str, FailingSource] = field(default_factory=dict)
    lost_runs: Sequence[LostRun] = ()
    daemon_seen_at: dt.datetime | None = None
    sensors: Sequence[SensorTicks] = ()
    # How many runs are queued, running and so on, by status; and the days that they are for.
    unfinished: Mapping[str, int] = field(default_factory=dict)
    under_way: frozenset[dt.date] = frozenset()
    awake_since: dt.datetime | None = None
