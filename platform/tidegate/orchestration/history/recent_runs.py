"""Runs that bear on what a sensor wants to launch: those under way for the same days, and what came of earlier ones."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Self

import dagster as dg
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunRecord, RunsFilter

from tidegate.orchestration.asset_keys import raw_key
from tidegate.orchestration.history.breaker import Pace
from tidegate.orchestration.names import (
    BUILD_JOBS,
    DAILY_JOB,
    FINISHED,
    FIRST_PARTITION_TAG,
    OUTPUT_JOBS,
    PARTITION_TAG,
    UNFINISHED,
    cadence_of,
    load_job,
)
from tidegate.orchestration.partitions import window_of_tags
from tidegate.window import Cadence, Window, windows_over

# Attempts beyond these would only lengthen a pause that is long already.
ATTEMPTS_COUNTED = 60

# Partitions of a run at most, for finding the runs that hold a day by where they start. A chunk has 31.
LONGEST_RANGE = 400

# With those before them that a run may start at, fewer than the thousand values that an old SQLite takes in a query.
PARTITIONS_AT_ONCE = 500

BUILT_LAYERS = ("staging", "intermediate", "marts", "serving")


@dataclass(frozen=True)
class RunOfDays:
    """A run, the days it is for, and the assets it was limited to (None: all of its job)."""

    run_id: str
    job: str
    days: Window
    assets: frozenset[dg.AssetKey] | None
    succeeded: bool
    canceled: bool
    ended_at: dt.datetime | None

    @classmethod
    def of(cls, run: DagsterRun, ended_at: dt.datetime | None = None) -> Self:
        return cls(
            run.run_id,
            run.job_name,
            window_of_tags(run.tags, cadence_of(run.job_name)),
            # Empty in runs of the command line, which are of all of their job.
            frozenset(run.asset_selection) if run.asset_selection else None,
            run.status is DagsterRunStatus.SUCCESS,
            run.status is DagsterRunStatus.CANCELED,
            ended_at,
        )

    def loads(self, source: str, region: str, day: dt.date) -> bool:
        return day in self.days and self._includes(raw_key(source, region), (load_job(source), DAILY_JOB))

    def loads_any(self, source: str) -> bool:
        if self.assets is None:
            return self.job in (load_job(source), DAILY_JOB)
        return any(key.path[:2] == ["raw", source] for key in self.assets)

    def builds(self, partition: dt.date, cadence: Cadence = Cadence.daily) -> bool:
        """Whether the run builds or publishes anything of the partition."""
        if partition not in self.days:
            return False
        if self.assets is None:
            return cadence_of(self.job) is cadence and self.job in (*BUILD_JOBS.values(), DAILY_JOB)
        # A run of chosen assets does not say of which cadence these are: it counts for each.
        return any(key.path[0] in BUILT_LAYERS for key in self.assets)

    def makes(self, kind: str, day: dt.date) -> bool:
        """Whether the run makes the day's, or Monday's, output of a kind."""
        if day not in self.days:
            return False
        if self.assets is None:
            return self.job in OUTPUT_JOBS.values() and cadence_of(self.job) is self.days.cadence
        return any(key.to_user_string() == kind for key in self.assets)

    def _includes(self, key: dg.AssetKey, jobs: Iterable[str]) -> bool:
        return self.job in jobs if self.assets is None else key in self.assets


def runs_under_way(instance: DagsterInstance) -> list[RunOfDays]:
    """Every run that is queued or running."""
    return [RunOfDays.of(run) for run in instance.get_runs(RunsFilter(statuses=statuses_of(UNFINISHED)))]


class Attempts:
    """The finished runs of a job, looked up by partition when first asked for.

    By partition, because the newest runs of anything say nothing of one that failed long ago: Dagster answers to a run
    key once, so an attempt that is not found again would be the last one.
    """

    def __init__(self, instance: DagsterInstance, job: str, pace: Pace) -> None:
        self._instance = instance
        self._job = job
        self._pace = pace
        self._found: dict[dt.date, list[RunOfDays]] = {}

    def look_up(self, days: Iterable[dt.date]) -> None:
        """Find the runs of all these partitions at once: one by one, thousands of them take minutes."""
        unknown = set(days) - self._found.keys()
        self._found |= {day: [] for day in unknown}
        for window in windows_over(unknown, cadence_of(self._job), PARTITIONS_AT_ONCE):
            for run in self._newest_first(window):
                for day in unknown.intersection(run.days.days):
                    self._found[day].append(run)

    def failed_attempts(
        self, day: dt.date, concerns: Callable[[RunOfDays], bool], since: dt.datetime | None, but: str = ""
    ) -> list[RunOfDays]:
        """Those of the partition that `concerns`, newest first, that ended after `since` (UTC, naive) and are not the
        run `but`."""
        wanted = (
            run
            for run in self._finished(day)
            if concerns(run) and run.run_id != but and (since is None or _naive(run.ended_at) > since)
        )
        return list(islice(wanted, ATTEMPTS_COUNTED))

    def newest(self, day: dt.date, concerns: Callable[[RunOfDays], bool]) -> str:
        """The newest finished run of the partition that `concerns`, whatever came of it; "" for none.

        What is asked for again has another one, so a run key that names it was never answered to.
        """
        return next((run.run_id for run in self._finished(day) if concerns(run)), "")

    def _finished(self, day: dt.date) -> list[RunOfDays]:
        self.look_up([day])
        return self._found[day]

    def _newest_first(self, window: Window) -> Iterator[RunOfDays]:
        """The runs that may hold a partition of the window."""
        starts = Window(window.cadence.after(window.start, 1 - LONGEST_RANGE), window.end, window.cadence)
        found = [self._records(PARTITION_TAG, window), self._records(FIRST_PARTITION_TAG, starts)]
        for record in merge(*found, key=lambda record: record.storage_id, reverse=True):
            yield RunOfDays.of(record.dagster_run, end_of(record))

    def _records(self, tag: str, partitions: Window) -> Sequence[RunRecord]:
        tags = {tag: [str(day) for day in partitions.days]}
        return self._instance.get_run_records(RunsFilter(job_name=self._job, statuses=statuses_of(FINISHED), tags=tags))

    def may_go(self, attempts: Sequence[RunOfDays], now: dt.datetime) -> bool:
        """Whether it is time for another attempt. One that a person canceled is left alone for the longest pause."""
        if not attempts or attempts[0].ended_at is None:
            return True
        pause = self._pace.pause_after_attempts(len(attempts))
        if attempts[0].canceled:
            pause = self._pace.longest_pause
        return not pause or now >= attempts[0].ended_at + pause


def statuses_of(names: Iterable[str]) -> list[DagsterRunStatus]:
    return [DagsterRunStatus(name) for name in names]


def end_of(record: RunRecord) -> dt.datetime:
    """When a finished run ended."""
    # One that was canceled in the queue never started, and may have no end either.
    return dt.datetime.fromtimestamp(record.end_time, dt.UTC) if record.end_time else record.update_timestamp


def digest(state: object) -> str:
    """A short hash of what a run key names."""
    return hashlib.sha256(repr(state).encode()).hexdigest()[:16]


def _naive(moment: dt.datetime | None) -> dt.datetime:
    return moment.astimezone(dt.UTC).replace(tzinfo=None) if moment else dt.datetime.min  # noqa: DTZ901
