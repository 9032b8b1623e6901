"""Dagster's record, read from its SQLite files without Dagster, whose import takes a second.

This module says how the tables look, of the revisions that it knows; any other is for Dagster to read. Tests hold both
ways against each other. Nothing is made or changed: SQLite makes files beside a database in WAL mode even to read it,
so where no writer left any, it is read as what it then is: one whole file that nobody writes.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tidegate.orchestration.history.record import FinishedRun, Observation, SensorState, UnfinishedRun
from tidegate.orchestration.names import FINISHED, UNFINISHED, source_path

# The newest revision of both databases that Dagster's migrations know; homes are made with it.
REVISION = "29b539ebc72a"

OBSERVATION = "ASSET_OBSERVATION"
RUN_FAILURE = "PIPELINE_FAILURE"

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class SqliteRecord:
    """A `DagsterRecord` of the files of an embedded instance; without files, of one that recorded nothing yet."""

    runs: Path
    index: Path
    ticks: Path

    def is_known(self) -> bool:
        """Whether the tables look as this module says."""
        select = "select version_num from alembic_version"
        return all(_rows(file, select, ()) in ([], [(REVISION,)]) for file in (self.runs, self.index, self.ticks))

    def finished_runs(
        self,
        updated_after: dt.datetime | None,
        job: str | None = None,
        statuses: Sequence[str] = FINISHED,
        limit: int | None = None,
    ) -> list[FinishedRun]:
        found = _rows(
            self.runs,
            "select run_body, status, start_time, end_time, update_timestamp from runs "
            f"where status in ({', '.join('?' * len(statuses))}) and update_timestamp > ? "
            "and (? is null or pipeline_name = ?) order by id desc limit ?",
            (*statuses, _text(updated_after), job, job, -1 if limit is None else limit),
        )
        return [_finished(*row) for row in found]

    def observations(self, source: str, limit: int) -> list[Observation]:
        asset = json.dumps(source_path(source))
        found = _rows(
            self.index,
            "select event from event_logs where asset_key = ? and dagster_event_type = ? and timestamp > ? "
            "order by id desc limit ?",
            (asset, OBSERVATION, self._wiped_at(asset), limit),
        )
        return [_observed(json.loads(event)) for (event,) in found]

    def unfinished_runs(self) -> list[UnfinishedRun]:
        found = _rows(
            self.runs,
            f"select run_body, status from runs where status in ({', '.join('?' * len(UNFINISHED))}) order by id desc",
            UNFINISHED,
        )
        return [_unfinished(*row) for row in found]

    def why_lost(self, run_id: str) -> str | None:
        select = "select event from event_logs where dagster_event_type = ?"
        for (event,) in _rows(self.index.with_name(f"{run_id}.db"), select, (RUN_FAILURE,)):
            failure = json.loads(event)["dagster_event"]
            data = failure["event_specific_data"] or {}
            if not data.get("error") and not data.get("first_step_failure_event"):
                return failure["message"] or ""
        return None

    def daemon_seen_at(self) -> dt.datetime | None:
        found = _rows(self.runs, "select max(timestamp) from daemon_heartbeats", ())
        return _utc(found[0][0]) if found and found[0][0] else None

    def sensors(self) -> list[SensorState]:
        found = _rows(
            self.ticks,
            "select status, instigator_body, (select tick_body from job_ticks where selector_id = i.selector_id "
            "order by timestamp desc limit 1) from instigators as i where instigator_type = 'SENSOR'",
            (),
        )
        return sorted((_sensor(*row) for row in found), key=lambda sensor: sensor.name)

    def _wiped_at(self, asset: str) -> str:
        """Since when the asset's events count: a person may wipe them in the UI, and they stay in the table."""
        for (details,) in _rows(self.index, "select asset_details from asset_keys where asset_key = ?", (asset,)):
            if details and (wiped := json.loads(details).get("last_wipe_timestamp")):
                return _text(_moment(wiped))
        return ""


def _finished(body: str, status: str, started: float | None, ended: float | None, updated: str) -> FinishedRun:
    run = json.loads(body)
    return FinishedRun(
        run["run_id"], run["pipeline_name"], status, run["tags"], _moment(started), _moment(ended), _utc(updated)
    )


def _unfinished(body: str, status: str) -> UnfinishedRun:
    run = json.loads(body)
    return UnfinishedRun(run["run_id"], run["pipeline_name"], status, run["tags"])


def _sensor(status: str, body: str, tick: str | None) -> SensorState:
    state, error = json.loads(body), (json.loads(tick)["error"] if tick else None)
    data = state["job_specific_data"] or {}
    return SensorState(
        state["origin"]["job_name"],
        status != "STOPPED",
        _moment(data.get("last_tick_timestamp")),
        _moment(data.get("last_tick_success_timestamp")),
        error["message"] if error else "",
    )


def _observed(event: Mapping[str, Any]) -> Observation:
    observation = event["dagster_event"]["event_specific_data"]["asset_observation"]
    metadata = {entry["label"]: _value(entry["entry_data"]) for entry in observation["metadata_entries"]}
    return Observation(dt.datetime.fromtimestamp(event["timestamp"], dt.UTC), event["run_id"], metadata)


def _value(entry: Mapping[str, Any]) -> object:
    return entry["text"] if "text" in entry else entry.get("value")


def _moment(timestamp: float | None) -> dt.datetime | None:
    return dt.datetime.fromtimestamp(timestamp, dt.UTC) if timestamp else None


def _utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def _text(moment: dt.datetime | None) -> str:
    """As SQLAlchemy writes it, in UTC: the order of texts is that of moments. Before all of them for none."""
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S.%f}" if moment else ""


def _rows(file: Path, select: str, values: Sequence[object]) -> Rows:
    for options in _ways_to_read(file):
        before = _state(file)
        with closing(sqlite3.connect(_address(file, options), uri=True)) as con:
            found = con.execute(select, values).fetchall()
        if "immutable" not in options or _state(file) == before:
            return found
    return []


def _ways_to_read(file: Path) -> Iterator[str]:
    if file.exists():
        if not _journal(file).exists():
            yield "immutable=1"
        # Somebody writes it, or began to meanwhile.
        yield "mode=ro"


def _address(file: Path, options: str) -> str:
    return f"file:{quote(str(file))}?{options}"


def _journal(file: Path) -> Path:
    return file.with_name(f"{file.name}-wal")


def _state(file: Path) -> tuple[bool, int, int]:
    found = file.stat()
    return _journal(file).exists(), found.st_size, found.st_mtime_ns
