"""Days of the two products, delivered to a cluster, and runs that are asked of it."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import duckdb
from dagster import DagsterInstance, DagsterRunStatus
from tests.support.runs.home import TemporaryHome
from tests.support.s3_server import Bucket
from tests.support.waiting import wait_for

from tidegate.errors import TidegateError
from tidegate.orchestration.names import DAILY_JOB, FINISHED
from tidegate.orchestration.partitions import partition_tags
from tidegate.orchestration.submitting import submit
from tidegate.settings import load_settings
from tidegate.window import Window

MARTS = ("daily_visits", "daily_weather")
PATIENCE = 300.0


def deliveries(day: dt.date) -> dict[str, bytes]:
    return {
        f"visits/{day}/data.csv": f"place,visitors\nBergen,{10 + day.day}\n".encode(),
        f"visits/{day}/_SUCCESS": b"",
        f"weather/{day}/data.csv": f"place,degrees\nBergen,{day.day}\n".encode(),
        f"weather/{day}/_SUCCESS": b"",
    }


def deliver(bucket: Bucket, days: Window) -> None:
    for day in days.days:
        for name, content in deliveries(day).items():
            bucket.put(f"landing/{name}", content)


def deliver_to(landing: Path, days: Window) -> None:
    for day in days.days:
        for name, content in deliveries(day).items():
            path = landing / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def many_visits(rows: int) -> bytes:
    """A file of places that nobody visited, so that what is published of the day stays as it is."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "visits.csv.gz"
        places = f"select 'place ' || hash(i) as place, 0 as visitors from range({rows}) t(i)"
        duckdb.sql(places).write_csv(str(file), compression="gzip")
        return file.read_bytes()


def wait_until_published(home: TemporaryHome, days: Window, marts: Collection[str] = MARTS) -> None:
    def look() -> bool | None:
        rows = home.query("select distinct partition_day, mart from ops.publications")
        return {(day, mart) for day in days.days for mart in marts} <= set(rows) or None

    wait_for("Publishing all days", look, PATIENCE)


def launch(instance: DagsterInstance, window: Window) -> str:
    """Queue a run, once the code server has loaded."""

    def ask() -> str | None:
        with suppress(TidegateError):
            return submit(load_settings(), instance, DAILY_JOB, partition_tags(window))
        return None

    return wait_for("A run that is queued", ask, PATIENCE)


def open_incident(home: TemporaryHome, key: str) -> str:
    """What an incident that is open says; nothing where it is none."""
    newest = f"select state, sentence from ops.incidents where key = '{key}' order by last_seen desc limit 1"
    found = home.query(f"select sentence from ({newest}) where state = 'open'")
    return str(found[0][0]) if found else ""


def status_of(instance: DagsterInstance, run_id: str) -> str:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status.value


def ended(instance: DagsterInstance, run_id: str) -> DagsterRunStatus:
    def look() -> DagsterRunStatus | None:
        status = status_of(instance, run_id)
        return DagsterRunStatus(status) if status in FINISHED else None

    return wait_for("The end of a run", look, PATIENCE)


def told_by(instance: DagsterInstance, run_id: str) -> list[str]:
    """What a run told of what went wrong."""
    entries = [record.event_log_entry for record in instance.get_records_for_run(run_id).records]
    events = [entry.dagster_event for entry in entries if entry.dagster_event]
    return [f"{event.message} {event.event_specific_data}" for event in events if event.is_failure]
