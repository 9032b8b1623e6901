"""Dagster's record says the same whoever reads it, Dagster or SQLite without it; and reading it changes nothing."""

from __future__ import annotations

import datetime as dt
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster import DagsterInstance, DagsterRunStatus
from tests.support.runs.home import TemporaryHome
from tests.support.runs.watched import Watched

from tidegate.orchestration.asset_keys import source_key
from tidegate.orchestration.history.breaker import Pace
from tidegate.orchestration.history.contacts import breaker_observation, close_breaker, contact
from tidegate.orchestration.history.health import health_in
from tidegate.orchestration.history.instance_record import InstanceRecord
from tidegate.orchestration.history.opening import dagster_record
from tidegate.orchestration.history.record import DagsterRecord
from tidegate.orchestration.history.run_ledger import finished_runs
from tidegate.orchestration.history.sqlite_record import SqliteRecord
from tidegate.orchestration.instance.dagster_home import instance_config, make_instance, open_instance
from tidegate.orchestration.names import FAILURE, load_job
from tidegate.settings import Settings, load_settings
from tidegate.window import Window

DAY = dt.date(2024, 3, 1)
MINUTE = dt.timedelta(minutes=1)
PACE = Pace(failures=2, pause=5 * MINUTE, longest_pause=30 * MINUTE)
SOURCES = ("orders", "customers", "payments", "never_asked")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home on whose instance much has happened, and whose processes have all ended."""
    settings = load_settings(home=tmp_path_factory.mktemp("recorded"))
    make_instance(settings)
    with open_instance(settings) as instance:
        _let_much_happen(Watched(TemporaryHome(settings), instance))
    return settings


def _let_much_happen(watched: Watched) -> None:
    instance = watched.instance
    week = Window(DAY, DAY + dt.timedelta(days=7))
    watched.run("daily", Window.of_day(DAY), DagsterRunStatus.SUCCESS)
    watched.run("daily", week, DagsterRunStatus.FAILURE, tags={"tidegate/reason": "first", "tidegate/cause": "a 'b'"})
    watched.run(load_job("orders"), week, DagsterRunStatus.FAILURE, regions=["north"])
    watched.run("__ASSET_JOB_1", week, DagsterRunStatus.CANCELED, regions=["north", "south"])
    watched.run("daily", week, DagsterRunStatus.STARTED)
    queued = instance.create_run_for_job(dg.job(name="weekly")(lambda: None), tags={"dagster/partition": "2024-03-04"})
    instance.report_run_canceled(queued)
    _ask(instance, "customers", "no route to host", "no", None, "Nö, “quoted”\n\\ and more")
    instance.report_runless_asset_event(contact("orders", "access denied", listing=True))
    opened = health_in(InstanceRecord(instance), "orders", PACE).breaker
    assert opened.open_until
    instance.report_runless_asset_event(breaker_observation("orders", opened, opened.open_until))
    _ask(instance, "payments", "no", "no", "no")
    close_breaker(instance, "payments")
    _ask(instance, "payments", "no")


def _ask(instance: DagsterInstance, source: str, *errors: str | None) -> None:
    for error in errors:
        instance.report_runless_asset_event(contact(source, error))


@pytest.fixture
def copied(recorded: Settings, tmp_path: Path) -> Settings:
    """A copy of the home for a test that changes it."""
    settings = load_settings(home=tmp_path / "copied")
    shutil.copytree(recorded.dagster_home, settings.dagster_home, ignore=shutil.ignore_patterns("dagster.yaml"))
    make_instance(settings)
    return settings


@pytest.fixture
def by_dagster(recorded: Settings) -> Iterator[InstanceRecord]:
    with open_instance(recorded) as instance:
        yield InstanceRecord(instance)


def told(record: DagsterRecord) -> dict[str, object]:
    """All that is asked of a record."""
    everything = record.finished_runs(None)
    assert everything
    middle = everything[len(everything) // 2].updated_at
    return {
        "all": everything,
        "after": [record.finished_runs(run.updated_at) for run in everything],
        "between": record.finished_runs(middle + dt.timedelta(microseconds=1)),
        "of a job": record.finished_runs(None, load_job("orders"), [FAILURE], 60),
        "of a job, later": record.finished_runs(middle, load_job("orders"), [FAILURE], 60),
        "newest": record.finished_runs(None, limit=2),
        "observations": {source: record.observations(source, 60) for source in SOURCES},
        "newest observations": {source: record.observations(source, 2) for source in SOURCES},
        "unfinished": record.unfinished_runs(),
        "lost": {run.run_id: record.why_lost(run.run_id) for run in everything},
        "daemon": record.daemon_seen_at(),
        "sensors": record.sensors(),
        "health": {source: health_in(record, source, PACE) for source in SOURCES},
    }


def test_both_ways_to_read_it_say_the_same(recorded: Settings, by_dagster: InstanceRecord) -> None:
    with dagster_record(recorded) as record:
        assert isinstance(record, SqliteRecord)
        assert told(record) == told(by_dagster)
    assert {run.status for run in by_dagster.finished_runs(None)} == {"SUCCESS", "FAILURE", "CANCELED"}
    assert [health_in(by_dagster, source, PACE).breaker.failures for source in SOURCES] == [2, 1, 1, 0]


def test_finished_runs_are_told_alike(recorded: Settings, by_dagster: InstanceRecord, watched: Watched) -> None:
    with dagster_record(recorded) as record, watched.home.lake() as lake:
        entries = finished_runs(record, lake.con)
        assert entries == finished_runs(by_dagster, lake.con)
    # One was canceled in the queue and never started.
    assert sorted((run.job, run.status) for run in entries) == [
        ("assets", "canceled"),
        ("daily", "failure"),
        ("daily", "success"),
        ("load_orders", "failure"),
    ]
    assert {(run.partition_from, run.partition_to) for run in entries} == {(DAY, DAY), (DAY, dt.date(2024, 3, 7))}


def test_events_that_a_person_wiped_do_not_count(copied: Settings) -> None:
    with open_instance(copied) as instance:
        instance.wipe_assets([source_key("payments")])
        with dagster_record(copied) as record:
            assert record.observations("payments", 60) == []
            _ask(instance, "payments", "no")
            assert len(record.observations("payments", 60)) == 1
            assert told(record) == told(InstanceRecord(instance))


def test_what_another_process_just_wrote_is_seen(copied: Settings) -> None:
    with open_instance(copied) as instance, dagster_record(copied) as record:
        _ask(instance, "never_asked", "no")
        assert [each.metadata["tidegate/error"] for each in record.observations("never_asked", 60)] == ["no"]
        run = instance.create_run_for_job(dg.job(name="weekly")(lambda: None))
        instance.report_run_canceled(run)
        assert record.finished_runs(None)[0].run_id == run.run_id


def test_reading_makes_and_changes_nothing(copied: Settings) -> None:
    before = _files(copied.home)
    with dagster_record(copied) as record:
        told(record)
    assert _files(copied.home) == before


def _files(folder: Path) -> dict[Path, tuple[int, int, bytes]]:
    return {
        path: (path.stat().st_mtime_ns, path.stat().st_size, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_home_whose_dagster_never_started_recorded_nothing(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path)
    settings.dagster_home.mkdir()
    (settings.dagster_home / "dagster.yaml").write_text(yaml.safe_dump(instance_config(settings)))
    with dagster_record(settings) as record:
        assert isinstance(record, SqliteRecord)
        assert record.finished_runs(None) == []
        assert record.observations("orders", 60) == []
    assert [path.name for path in settings.dagster_home.iterdir()] == ["dagster.yaml"]


@pytest.mark.parametrize("elsewhere", ["storage", "run_storage", "event_log_storage"])
def test_what_is_kept_elsewhere_is_read_by_dagster(recorded: Settings, tmp_path: Path, elsewhere: str) -> None:
    settings = load_settings(home=tmp_path)
    settings.dagster_home.mkdir()
    history = recorded.dagster_home / "history"
    places: dict[str, dict[str, object]] = {
        "storage": {"sqlite": {"base_dir": str(recorded.dagster_home)}},
        "run_storage": {
            "module": "dagster._core.storage.runs",
            "class": "SqliteRunStorage",
            "config": {"base_dir": str(history)},
        },
        "event_log_storage": {
            "module": "dagster._core.storage.event_log",
            "class": "ConsolidatedSqliteEventLogStorage",
            "config": {"base_dir": str(tmp_path / "elsewhere")},
        },
    }
    config = {
        key: value for key, value in instance_config(settings).items() if elsewhere != "storage" or "log" not in key
    }
    (settings.dagster_home / "dagster.yaml").write_text(yaml.safe_dump({**config, elsewhere: places[elsewhere]}))
    with dagster_record(settings) as record:
        assert isinstance(record, InstanceRecord)
        assert bool(record.finished_runs(None)) is (elsewhere != "event_log_storage")


def test_tables_of_another_revision_are_read_by_dagster(copied: Settings) -> None:
    with closing(sqlite3.connect(copied.dagster_home / "history" / "runs.db")) as con, con:
        con.execute("update alembic_version set version_num = 'older'")
    record = SqliteRecord(
        copied.dagster_home / "history" / "runs.db",
        copied.dagster_home / "history" / "runs" / "index.db",
        copied.dagster_home / "schedules" / "schedules.db",
    )
    assert not record.is_known()
