"""Asking for builds of what is due: in rows of consecutive partitions, each distinct from what was asked before."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import dagster as dg
from dagster import DagsterInstance

from tidegate.home import Home
from tidegate.orchestration.history.breaker import Pace
from tidegate.orchestration.history.recent_runs import Attempts, RunOfDays, digest
from tidegate.orchestration.names import BUILD_JOBS, CAUSE_TAG, FIRST, REASON_TAG, REQUEST_TAG, RESTATEMENT
from tidegate.orchestration.partitions import partition_tags
from tidegate.publishing.due.partitions import CAUSES_NAMED, Due
from tidegate.window import Cadence, Window, windows_of

# A restatement waits for what is under way, so that one run answers to it all, but no longer than this.
LONGEST_WAIT = dt.timedelta(hours=1)


@dataclass(frozen=True)
class Builds:
    """Builds of one cadence: those that failed, and asking for others."""

    cadence: Cadence
    attempts: Attempts
    chunk: int

    @classmethod
    def of(cls, home: Home, instance: DagsterInstance, cadence: Cadence) -> Self:
        attempts = Attempts(instance, BUILD_JOBS[cadence], Pace.of(home.settings))
        return cls(cadence, attempts, home.settings.chunk_days)

    def may_go(self, due: Due, now: dt.datetime) -> bool:
        return self.attempts.may_go(self.failed_attempts(due), now)

    def failed_attempts(self, due: Due) -> list[RunOfDays]:
        """Builds of the partition that failed since what it is due for came."""
        return self.attempts.failed_attempts(
            due.day, lambda run: run.builds(due.day, self.cadence) and not run.succeeded, since=due.caused_at
        )

    def _newest(self, day: dt.date) -> str:
        return self.attempts.newest(day, lambda run: run.builds(day, self.cadence))

    def requests(self, due: Sequence[Due], without: Mapping[dt.date, list[str]]) -> Iterator[dg.RunRequest]:
        """New partitions before restatements. `without`: the deliveries that a day goes on without."""
        for restates in (False, True):
            chosen = {each.day: each for each in due if each.restates is restates}
            for window in windows_of(chosen, self.cadence):
                for chunk in window.chunks(self.chunk):
                    gone = [name for day in chunk.days for name in without.get(day, ())]
                    yield self._request(chunk, [chosen[day] for day in chunk.days], gone)

    def _request(self, window: Window, due: Sequence[Due], without: list[str]) -> dg.RunRequest:
        reason = RESTATEMENT if due[0].restates else FIRST
        # Dagster answers to a run key once and never again: it names what the run answers to, and what ran before.
        state = [(each.entry, each.build, self._newest(each.day)) for each in due]
        key = f"{reason}:{window}:{digest(state)}"
        tags = {REASON_TAG: reason, CAUSE_TAG: cause_of(due, without), REQUEST_TAG: key}
        return dg.RunRequest(run_key=key, tags={**partition_tags(window), **tags})


def waited_long_enough(due: Due, now: dt.datetime) -> bool:
    since = due.caused_at.replace(tzinfo=dt.UTC) if due.caused_at else now
    return now - since >= LONGEST_WAIT


def cause_of(due: Sequence[Due], without: Sequence[str] = ()) -> str:
    """What a build answers to, and the deliveries that it goes without, for people."""
    causes = list(dict.fromkeys(cause for each in due for cause in each.causes))
    more = [f"and {len(causes) - CAUSES_NAMED} more"] if len(causes) > CAUSES_NAMED else []
    gone = [f"without {', '.join(without[:CAUSES_NAMED])}"] if without else []
    return "; ".join([*causes[:CAUSES_NAMED], *more, *gone]) or "a run that did not end"
