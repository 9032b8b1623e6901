"""A home left to its sensors: what they ask for is run in this process, as the daemon would launch it.

Time is the machine's, put forward by the test; nobody waits for it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import dagster as dg
from dagster import DagsterInstance, RunsFilter
from dagster._core.storage.tags import RUN_KEY_TAG
from tests.support.runs.home import TemporaryHome

from tidegate.orchestration.assembly import build_definitions
from tidegate.orchestration.names import BUILD_JOBS, REASON_TAG, load_job
from tidegate.orchestration.partitions import window_of_tags
from tidegate.orchestration.runs import QUIET
from tidegate.orchestration.sensors.arrivals import look_for_arrivals
from tidegate.orchestration.sensors.due_partitions import look_for_due_partitions
from tidegate.orchestration.sensors.run_keeper import keep_runs
from tidegate.window import Cadence

# A job, the days it ran for and, of a build, why.
Ran = tuple[str, str] | tuple[str, str, str]


@dataclass
class Machine:
    temporary: TemporaryHome
    instance: DagsterInstance
    ahead: dt.timedelta = field(default_factory=dt.timedelta)
    cursors: dict[str, str | None] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)

    @cached_property
    def definitions(self) -> dg.Definitions:
        return build_definitions(home=self.temporary.home)

    @property
    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self.ahead

    def settle(self) -> list[Ran]:
        """Let every sensor tick until none asks for anything; returns what ran."""
        ran: list[Ran] = []
        while last := list(self.tick()):
            ran += last
        return ran

    def tick(self) -> Iterator[Ran]:
        """One tick of each sensor, in the order of what it does, each with its runs."""
        for source, contract in self.temporary.home.contracts.items():
            look = look_for_arrivals(self.temporary.home, contract, self.instance, self.cursors.get(source), self.now)
            yield from self._answer(source, load_job(source), look)
        yield from self._answer(
            "days_due",
            BUILD_JOBS[Cadence.daily],
            look_for_due_partitions(self.temporary.home, self.instance, Cadence.daily, self.now),
        )
        kept = keep_runs(self.temporary.home, self.instance, self.cursors.get("run_keeper"))
        yield from self._answer("run_keeper", "", kept)

    def _answer(self, name: str, job: str, result: dg.SensorResult) -> Iterator[Ran]:
        for event in result.asset_events:
            self.instance.report_runless_asset_event(event)
        self.cursors[name] = result.cursor
        skipped = result.skip_reason
        self.told[name] = (skipped.skip_message or "") if isinstance(skipped, dg.SkipReason) else skipped or ""
        for request in result.run_requests or ():
            if self.instance.get_runs(RunsFilter(tags={RUN_KEY_TAG: str(request.run_key)})):
                continue
            self._run(job, request)
            days = str(window_of_tags(request.tags))
            reason = request.tags.get(REASON_TAG)
            yield (job, days, reason) if reason else (job, days)

    def _run(self, job: str, request: dg.RunRequest) -> None:
        self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            tags={**request.tags, RUN_KEY_TAG: str(request.run_key)},
            asset_selection=request.asset_selection,
            run_config=QUIET,
            raise_on_error=False,
        )
