"""Running jobs: one window as one run, a backfill as a run per chunk, and what is due of outputs. In this process, or
where machines share the record, on one of them.

The command line's `run`, `backfill` and `outputs` are this; the UI and `dagster job execute` launch the very same jobs.
What came of a run is told by `outcomes`.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import dagster as dg
from dagster import DagsterInstance, ExecuteInProcessResult, RunsFilter

from tidegate.home import Home
from tidegate.intake.removed_regions import withdraw_regions_that_left
from tidegate.lake.data_files import is_remote
from tidegate.ledger.outputs import outputs_made_by
from tidegate.ledger.upkeep.after_lost_files import forget_lost_files
from tidegate.machine.stopping import ended_with
from tidegate.orchestration.assembly import build_definitions
from tidegate.orchestration.failures import STOPPED
from tidegate.orchestration.history.instance_record import InstanceRecord
from tidegate.orchestration.history.recent_runs import statuses_of
from tidegate.orchestration.history.run_ledger import enter_finished_runs
from tidegate.orchestration.instance.dagster_home import open_instance
from tidegate.orchestration.instance.run_locks import run_lock
from tidegate.orchestration.names import (
    ARCHIVE_FIRST_TAG,
    BUILD_JOBS,
    CAUSE_TAG,
    DAILY_JOB,
    FROM_LANDING_TAG,
    ONLY_DUE_TAG,
    OUTPUT_JOBS,
    REASON_TAG,
    RESTATEMENT,
    UNFINISHED,
)
from tidegate.orchestration.outcomes import OutputsOutcome, RunOutcome, RunResult, failures, outcome_of, published_by
from tidegate.orchestration.partitions import ended_partitions, partition_tags
from tidegate.orchestration.sensors.build_requests import cause_of
from tidegate.orchestration.sensors.due_outputs import due_outputs_of
from tidegate.orchestration.sensors.run_keeper import end_lost_runs
from tidegate.orchestration.steps import Progress, StepsOfARun
from tidegate.outputs.removed_exports import withdraw_exports
from tidegate.publishing.due.partitions import due_again
from tidegate.publishing.periods import periods_to_begin
from tidegate.window import Cadence, Window, windows_of, windows_over

BACKFILL_TAG = "tidegate/backfill"
BACKFILL_DAYS_TAG = "tidegate/backfill_days"

# The run's own log is in Dagster's event log; what a person reads in the terminal is the outcome.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class Runner:
    """Runs windows of one home against its Dagster instance."""

    home: Home
    instance: DagsterInstance
    # Told how far a run is that is executed here.
    on_progress: Callable[[Progress], None] = lambda _: None

    @classmethod
    def open(cls, home: Home) -> Self:
        # A contract that cannot work is reported first: reading them needs nothing else, and changes nothing.
        _ = home.contracts
        instance = open_instance(home.settings)
        # Without a daemon nobody else ends what was killed here before.
        end_lost_runs(home, instance)
        return cls(home, instance)

    @cached_property
    def _definitions(self) -> dg.Definitions:
        return build_definitions(home=self.home)

    def run(self, window: Window, tags: Mapping[str, str] | None = None, job: str = DAILY_JOB) -> RunOutcome:
        """Run the daily job, or another one of the window's cadence, over `window` as one run."""
        return outcome_of(self.home, self.instance, window, self._execute(window, tags, job))

    def run_and_restate(self, window: Window, *, from_landing: bool = False) -> Iterator[RunOutcome]:
        """Run `window` as one run, then restate the days that its deliveries touched.

        `from_landing`: the archive does not stand in for deliveries that landing no longer holds.
        """
        self._forget_lost_files()
        yield self.run(window, _insisting(from_landing))
        yield from self.restate()

    def backfill(self, window: Window, *, resume: bool = False, from_landing: bool = False) -> Iterator[RunOutcome]:
        """Run `window` in chunks, one run each, yielding each outcome; then restate the days they touched, and build
        the Mondays and months that ended among its days.

        `resume` goes on with the newest backfill of the same days, leaving out those that it published.
        """
        self._forget_lost_files()
        backfill_id = self._newest_backfill(window) if resume else None
        left = self.left_of_backfill(window) if resume else window.days
        tags = {BACKFILL_TAG: backfill_id or uuid.uuid4().hex[:8], BACKFILL_DAYS_TAG: str(window)}
        chunks = [chunk for part in windows_of(left) for chunk in part.chunks(self._days_of_a_chunk(len(left)))]
        yield from self._run_chunks(chunks, {**tags, **_insisting(from_landing)})
        yield from self._restate_days(tags)
        yield from self._build_periods(window, tags, backfill_id)
        yield from self._restate_periods(tags)

    def _days_of_a_chunk(self, days: int) -> int:
        """As many as the settings say, or fewer where that gives each worker its share."""
        workers = self.home.settings.workers if self.home.settings.is_shared else 1
        return max(1, min(self.home.settings.chunk_days, -(-days // workers)))

    def _run_chunks(self, chunks: Sequence[Window], tags: Mapping[str, str]) -> Iterator[RunOutcome]:
        """One run each: one after another here, or as many at once as there are workers elsewhere."""
        if not self.home.settings.is_shared:
            yield from (self.run(chunk, tags) for chunk in chunks)
            return
        from tidegate.orchestration.submitting import queue_all

        asked = [{**partition_tags(chunk), **tags} for chunk in chunks]
        with queue_all(self.home.settings, self.instance, DAILY_JOB, asked) as runs:
            yield from (
                outcome_of(self.home, self.instance, chunk, result) for chunk, result in zip(chunks, runs, strict=True)
            )

    def left_of_backfill(self, window: Window) -> list[dt.date]:
        """The days that the newest backfill of the same days has not published, and `resume` would run."""
        newest = self._newest_backfill(window)
        done = self._published_in(newest, window) if newest else set()
        return [day for day in window.days if day not in done]

    def load_again(self, days: Iterable[dt.date]) -> Iterator[RunOutcome]:
        """Run the days that deliveries were lost of, from the archive where it has them; then restate what is due, and
        build the Mondays and months that ended among them, as a backfill does."""
        tags = {ARCHIVE_FIRST_TAG: "true"}
        parts = list(windows_of(days))
        for part in parts:
            for chunk in part.chunks(self.home.settings.chunk_days):
                yield self.run(chunk, tags)
        yield from self._restate_days(tags)
        for part in parts:
            yield from self._build_periods(part, tags, None)
        yield from self._restate_periods(tags)

    def restate(self, tags: Mapping[str, str] | None = None) -> Iterator[RunOutcome]:
        """Rebuild and publish the days that deliveries of other days touched since they were built, and then the
        Mondays and months whose days are all published for the first time, or have other content since."""
        self._forget_lost_files()
        yield from self._restate_days(tags)
        yield from self._restate_periods(tags)

    def _forget_lost_files(self) -> None:
        """What was lost of the lake is owed again, so that the days of it can be run. In S3, where looking takes its
        time and files do not get lost, it is looked for by `tidegate repair` only."""
        with self.home.lake() as lake:
            if not is_remote(lake.config.data):
                forget_lost_files(lake, "lost files")

    def make_outputs(self, days: Mapping[Cadence, Collection[dt.date]] | None = None) -> Iterator[OutputsOutcome]:
        """Make the outputs that are due, or of these partitions those that are, the newest first; withdraw those of
        what is published no more."""
        with self.home.lake() as lake:
            withdraw_exports(lake, self.home.outputs, "outputs")
        for cadence in self.home.cadences:
            due = {output.day for output in due_outputs_of(self.home, cadence)}
            due = due if days is None else due.intersection(days.get(cadence, ()))
            for window in windows_over(due, cadence, self.home.settings.chunk_days):
                result = self._execute(window, {ONLY_DUE_TAG: "true"}, OUTPUT_JOBS[cadence])
                with self.home.lake() as lake:
                    enter_finished_runs(InstanceRecord(self.instance), lake)
                    made = outputs_made_by(lake.con, result.run_id)
                explained, crashes = failures(result)
                yield OutputsOutcome(result.run_id, window, made, (*explained, *crashes))

    def _execute(self, window: Window, tags: Mapping[str, str] | None, job: str) -> RunResult:
        if self.home.settings.is_shared:
            from tidegate.orchestration.submitting import queue_and_follow

            asked = {**partition_tags(window), **(tags or {})}
            return queue_and_follow(self.home.settings, self.instance, job, asked)
        return self._execute_here(window, tags, job)

    def _execute_here(self, window: Window, tags: Mapping[str, str] | None, job: str) -> ExecuteInProcessResult:
        with run_lock(self.home.settings.scratch) as lock, ended_with(lambda: self._cancel(lock)):
            executed, run_id = self._definitions.resolve_job_def(job), str(uuid.uuid4())
            heard = StepsOfARun(window, len(executed.nodes), self.on_progress)
            self.instance.add_event_listener(run_id, heard.hear)
            return executed.execute_in_process(
                run_id=run_id,
                instance=self.instance,
                tags={**partition_tags(window), **lock, **(tags or {})},
                run_config=QUIET,
                raise_on_error=False,
            )

    def _cancel(self, lock: Mapping[str, str]) -> None:
        """End the run that holds the lock, since its process ends now."""
        unfinished = RunsFilter(tags=lock, statuses=statuses_of(UNFINISHED))
        # The run goes on meanwhile on its own thread, and what it reports may set its status back. Should it do so last
        # of all, the lock is free, and whoever looks next ends it.
        while runs := self.instance.get_runs(unfinished):
            for run in runs:
                self.instance.report_run_canceled(run, STOPPED)

    def _restate_days(self, tags: Mapping[str, str] | None) -> Iterator[RunOutcome]:
        """Again while days that read back find that one before them changed by it; each day once."""
        with self.home.lake() as lake:
            for contract in self.home.contracts.values():
                withdraw_regions_that_left(lake, contract, RESTATEMENT)
        done: set[dt.date] = set()
        more = True
        while more:
            more = False
            for outcome in self._restate_due(Cadence.daily, tags, done):
                done.update(outcome.window.days)
                more = self.home.requirements_of(Cadence.daily).reach > 0
                yield outcome

    def _restate_periods(self, tags: Mapping[str, str] | None) -> Iterator[RunOutcome]:
        """Build the Mondays and months that nobody began and whose days are all published by now, and those whose days
        changed again."""
        for cadence in self.home.longer_cadences:
            behind = self.home.days_behind(cadence)
            with self.home.lake() as lake:
                first = periods_to_begin(lake.con, self._existing(cadence), behind, self.home.settings.start_date)
            yield from self._run_periods(first, cadence, tags or {})
            yield from self._restate_due(cadence, tags)

    def _restate_due(
        self, cadence: Cadence, tags: Mapping[str, str] | None, done: Collection[dt.date] = ()
    ) -> Iterator[RunOutcome]:
        """Build the partitions that are due again, but for those that are `done`."""
        with self.home.lake() as lake:
            due = {each.day: each for each in due_again(lake.con, self.home.products_of(cadence))}
        for part in windows_of((day for day in due if day not in done), cadence):
            for chunk in part.chunks(self.home.settings.chunk_days):
                cause = cause_of([due[day] for day in chunk.days])
                restating = {**(tags or {}), REASON_TAG: RESTATEMENT, CAUSE_TAG: cause}
                yield self.run(chunk, restating, BUILD_JOBS[cadence])

    def _build_periods(self, days: Window, tags: Mapping[str, str], resumed: str | None) -> Iterator[RunOutcome]:
        """Build the Mondays among the days, and the months that end before one of them; a resumed backfill's, without
        those that it published."""
        for cadence in self.home.longer_cadences:
            partitions, existing = cadence.ended_on(days), self._existing(cadence)
            done = self._published_in(resumed, partitions) if resumed else set()
            # Also those without a published day yet: once built, they follow the days that come.
            left = [partition for partition in partitions.days if partition in existing and partition not in done]
            yield from self._run_periods(left, cadence, tags)

    def _run_periods(
        self, partitions: Iterable[dt.date], cadence: Cadence, tags: Mapping[str, str]
    ) -> Iterator[RunOutcome]:
        for part in windows_of(partitions, cadence):
            for chunk in part.chunks(self.home.settings.chunk_days):
                yield self.run(chunk, tags, BUILD_JOBS[cadence])

    def _existing(self, cadence: Cadence) -> Window:
        return ended_partitions(self.home.settings, cadence, dt.datetime.now(dt.UTC))

    def _newest_backfill(self, window: Window) -> str | None:
        runs = self.instance.get_runs(RunsFilter(tags={BACKFILL_DAYS_TAG: str(window)}), limit=1)
        return runs[0].tags[BACKFILL_TAG] if runs else None

    def _published_in(self, backfill_id: str, window: Window) -> set[dt.date]:
        runs = self.instance.get_runs(RunsFilter(tags={BACKFILL_TAG: backfill_id}))
        with self.home.lake() as lake:
            return published_by(self.home, lake.con, [run.run_id for run in runs], window)


def _insisting(from_landing: bool) -> dict[str, str]:
    return {FROM_LANDING_TAG: "true"} if from_landing else {}
