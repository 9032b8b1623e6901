"""Runs that bear on what a sensor wants to launch: those under way for the same days, and what came of earlier ones."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice
from typing import Generic, Self, TypeVar

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
from tidegate.window import Cadence, Window

T = TypeVar("T")

# Attempts beyond these would only lengthen a pause that is long already.
ATTEMPTS_COUNTED = 60

# Mostly the newest attempts are enough.
RUNS_PER_PAGE = 60

# Partitions of a run at most, for finding the runs that hold a day by where they start. A chunk has 31.
LONGEST_RANGE = 400

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
        self._found: dict[tuple[dt.date, dt.datetime | None], _Remembered[RunOfDays]] = {}

    def failed_attempts(
        self, day: dt.date, concerns: Callable[[RunOfDays], bool], since: dt.datetime | None, but: str = ""
    ) -> list[RunOfDays]:
        """Those of the partition that `concerns`, newest first, that ended after `since` (UTC, naive) and are not the
        run `but`."""
        wanted = (
            run
            for run in self._finished(day, since)
            if concerns(run) and run.run_id != but and (since is None or _naive(run.ended_at) > since)
        )
        return list(islice(wanted, ATTEMPTS_COUNTED))

    def newest(self, day: dt.date, concerns: Callable[[RunOfDays], bool]) -> str:
        """The newest finished run of the partition that `concerns`, whatever came of it; "" for none.

        What is asked for again has another one, so a run key that names it was never answered to.
        """
        return next((run.run_id for run in self._finished(day, None) if concerns(run)), "")

    def _finished(self, day: dt.date, since: dt.datetime | None) -> Iterable[RunOfDays]:
        if (day, since) not in self._found:
            self._found[day, since] = _Remembered(self._newest_first(day, since))
        return self._found[day, since]

    def _newest_first(self, day: dt.date, since: dt.datetime | None) -> Iterator[RunOfDays]:
        starts = [str(cadence_of(self._job).after(day, -back)) for back in range(LONGEST_RANGE)]
        pages = [self._pages(tags, since) for tags in ({PARTITION_TAG: str(day)}, {FIRST_PARTITION_TAG: starts})]
        for record in merge(*pages, key=lambda record: record.storage_id, reverse=True):
            run = RunOfDays.of(record.dagster_run, end_of(record))
            if day in run.days:
                yield run

    def _pages(self, tags: Mapping[str, str | list[str]], since: dt.datetime | None) -> Iterator[RunRecord]:
        wanted = RunsFilter(
            job_name=self._job,
            statuses=statuses_of(FINISHED),
            tags=tags,
            updated_after=since.replace(tzinfo=dt.UTC) if since else None,
        )
        cursor = None
        while records := self._instance.get_run_records(wanted, limit=RUNS_PER_PAGE, cursor=cursor):
            yield from records
            cursor = records[-1].dagster_run.run_id

    def may_go(self, attempts: Sequence[RunOfDays], now: dt.datetime) -> bool:
        """Whether it is time for another attempt. One that a person canceled is left alone for the longest pause."""
        if not attempts or attempts[0].ended_at is None:
            return True
        pause = self._pace.pause_after_attempts(len(attempts))
        if attempts[0].canceled:
            pause = self._pace.longest_pause
        return not pause or now >= attempts[0].ended_at + pause


@dataclass
class _Remembered(Generic[T]):
    """What an iterator gives, to be gone through more than once, and read no further than anybody went."""

    unread: Iterator[T]
    read: list[T] = field(default_factory=list)

    def __iter__(self) -> Iterator[T]:
        yield from self.read
        for each in self.unread:
            self.read.append(each)
            yield each


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
