"""Dagster's record, read by Dagster: wherever its storage is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dagster import DagsterEventType, DagsterInstance, EventLogRecord, RunRecord, RunsFilter

from tidegate.orchestration.asset_keys import source_key
from tidegate.orchestration.history.recent_runs import statuses_of
from tidegate.orchestration.history.record import FinishedRun, Observation, SensorState, UnfinishedRun
from tidegate.orchestration.names import FINISHED, UNFINISHED
from tidegate.orchestration.private import InstigatorState, InstigatorType


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

    def unfinished_runs(self) -> list[UnfinishedRun]:
        records = self.instance.get_run_records(RunsFilter(statuses=statuses_of(UNFINISHED)))
        return [_unfinished(record) for record in records]

    def why_lost(self, run_id: str) -> str | None:
        found = self.instance.get_records_for_run(run_id, of_type=DagsterEventType.RUN_FAILURE).records
        for event in (record.event_log_entry.dagster_event for record in found):
            data = event.event_specific_data if event else None
            if event and not getattr(data, "error", None) and not getattr(data, "first_step_failure_event", None):
                return event.message or ""
        return None

    def daemon_seen_at(self) -> dt.datetime | None:
        beats = self.instance.get_daemon_heartbeats().values()
        return max((dt.datetime.fromtimestamp(beat.timestamp, dt.UTC) for beat in beats), default=None)

    def sensors(self) -> list[SensorState]:
        found = self.instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
        return sorted((self._sensor(state) for state in found), key=lambda sensor: sensor.name)

    def _sensor(self, state: InstigatorState) -> SensorState:
        ticks = self.instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
        error = ticks[0].error.message if ticks and ticks[0].error else ""
        data: Any = state.instigator_data
        return SensorState(
            state.instigator_name,
            state.status.value != "STOPPED",
            _moment(data.last_tick_timestamp) if data else None,
            _moment(data.last_tick_success_timestamp) if data else None,
            error,
        )


def _unfinished(record: RunRecord) -> UnfinishedRun:
    run = record.dagster_run
    return UnfinishedRun(run.run_id, run.job_name, run.status.value, run.tags)


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
