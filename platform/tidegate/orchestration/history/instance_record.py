"""Dagster's record, read by Dagster: wherever its storage is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from dagster import DagsterInstance, EventLogRecord, RunRecord, RunsFilter

from tidegate.orchestration.asset_keys import source_key
from tidegate.orchestration.history.recent_runs import statuses_of
from tidegate.orchestration.history.record import FinishedRun, Observation
from tidegate.orchestration.names import FINISHED


@dataclass(frozen=True)
class InstanceRecord:
    """A `DagsterRecord` of an open instance."""

    instance: DagsterInstance

    def finished_runs(
        self,
        updated_after: dt.datetime | None,
        job: str | None = None,
        statuses: Sequence[str] = FINISHED,
        limit: int | None = None,
    ) -> list[FinishedRun]:
        wanted = RunsFilter(job_name=job, statuses=statuses_of(statuses), updated_after=updated_after)
        return [_finished(record) for record in self.instance.get_run_records(wanted, limit=limit)]

    def observations(self, source: str, limit: int) -> list[Observation]:
        records = self.instance.fetch_observations(source_key(source), limit=limit).records
        return [_observed(record) for record in records]


def _finished(record: RunRecord) -> FinishedRun:
    run = record.dagster_run
    return FinishedRun(
        run.run_id,
        run.job_name,
        run.status.value,
        run.tags,
        _moment(record.start_time),
        _moment(record.end_time),
        record.update_timestamp,
    )


def _observed(record: EventLogRecord) -> Observation:
    observation = record.asset_observation
    metadata = {name: value.value for name, value in observation.metadata.items()} if observation else {}
    return Observation(dt.datetime.fromtimestamp(record.timestamp, dt.UTC), record.run_id, metadata)


def _moment(timestamp: float | None) -> dt.datetime | None:
    return dt.datetime.fromtimestamp(timestamp, dt.UTC) if timestamp else None
