"""Dagster's record in PostgreSQL says what Dagster's own would, whole batches at a time, and old runs are forgotten."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator

import dagster as dg
import pytest
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.test_utils import create_run_for_test
from dagster_postgres.event_log import PostgresEventLogStorage
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from tests.support.postgres_record import record_in, url_of
from tests.support.runs.dagster_events import ASSET, DAYS, a_runs_events, entry

from tidegate.lake.sql import quoted
from tidegate.orchestration.instance.event_batches import BatchingIndex
from tidegate.orchestration.instance.postgres_record import BatchingPostgresEventLogStorage
from tidegate.orchestration.instance.retention import forget_partitions, forget_runs
from tidegate.orchestration.names import DAILY_JOB

LATER = dt.timedelta(minutes=1)

OWN_TIMES = {"create_timestamp", "migration_completed"}


@pytest.fixture
def url(database: str) -> str:
    return url_of(database)


@pytest.fixture
def instance(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterInstance]:
    with DagsterInstance.from_ref(record_in(url, tmp_path_factory.mktemp("dagster"))) as made:
        yield made
        made.run_storage.dispose()


def storage_of(instance: DagsterInstance) -> BatchingPostgresEventLogStorage:
    storage = instance.event_log_storage
    assert isinstance(storage, BatchingPostgresEventLogStorage)
    return storage


@pytest.mark.slow
def test_a_batch_leaves_the_same_tables_as_dagsters_own_storage(instance: DagsterInstance, url: str) -> None:
    storage = storage_of(instance)
    entries = [entry("run-1", data) for data in a_runs_events()]

    storage.store_event_batch(entries)
    ours = tables(url)
    storage.wipe()
    empty(url)
    dagsters = PostgresEventLogStorage(url)
    for one in entries:
        dagsters.store_event(one)

    theirs = tables(url)
    for name, rows in ours.items():
        assert rows == theirs[name], name
    assert len(ours["event_logs"]) == len(entries)


def test_a_batch_that_fails_halfway_leaves_nothing(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """Dagster stores the events of a failed batch singly: none of them may be there already."""
    storage = storage_of(instance)

    def fail(*_: object) -> None:
        raise OperationalError("insert", {}, Exception("the server went away"))

    with monkeypatch.context() as patch, pytest.raises(OperationalError):
        patch.setattr(BatchingIndex, "_enter_check_results", fail)
        storage.store_event_batch([entry("run-1", data) for data in a_runs_events()])
    assert tables(url)["event_logs"] == []
    assert tables(url)["asset_check_executions"] == []

    storage.store_event(entry("run-1", next(a_runs_events())))
    assert len(storage.get_logs_for_run("run-1")) == 1


@pytest.mark.slow
def test_runs_events_and_schedules_of_a_process_share_one_connection(instance: DagsterInstance, url: str) -> None:
    run = create_run_for_test(instance, job_name=DAILY_JOB, status=DagsterRunStatus.STARTED)
    for data in a_runs_events():
        storage_of(instance).store_event(entry(run.run_id, data))
    instance.add_run_tags(run.run_id, {"a": "b"})
    assert instance.all_instigator_state() == []

    assert connections(url) == 1


@pytest.mark.slow
def test_a_record_whose_server_ended_all_connections_goes_on(instance: DagsterInstance, url: str) -> None:
    storage_of(instance).store_event(entry("run-1", next(a_runs_events())))
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        others = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
        connection.execute(text(f"{others} and pid <> pg_backend_pid()"))
    engine.dispose()

    storage_of(instance).store_event(entry("run-1", next(a_runs_events())))
    assert len(storage_of(instance).get_logs_for_run("run-1")) == 2


def test_an_old_run_is_forgotten_and_its_partitions_are_not(instance: DagsterInstance) -> None:
    old, young = (create_run_for_test(instance, job_name=DAILY_JOB, status=DagsterRunStatus.SUCCESS) for _ in "ab")
    unfinished = create_run_for_test(instance, job_name=DAILY_JOB, status=DagsterRunStatus.STARTED)
    for run in (old, young):
        storage_of(instance).store_event_batch([entry(run.run_id, data) for data in a_runs_events()])
        instance.report_engine_event("It went well.", run)
    events = storage_of(instance).get_records_for_run(old.run_id).records

    assert forget_runs(instance, dt.datetime.now(dt.UTC) - LATER) == 0
    assert len(storage_of(instance).get_records_for_run(old.run_id).records) == len(events)
    assert forget_runs(instance, dt.datetime.now(dt.UTC) + LATER) == 1

    # The newest run of an asset stays, as on SQLite.
    assert {run.run_id for run in instance.get_runs()} == {young.run_id, unfinished.run_id}
    assert storage_of(instance).get_records_for_run(old.run_id).records == []
    assert instance.get_materialized_partitions(ASSET) == set(DAYS)
    check = dg.AssetCheckKey(ASSET, "values_are_valid")
    history = storage_of(instance).get_asset_check_execution_history(check, limit=100)
    assert sorted(str(record.partition) for record in history) == DAYS
    assert forget_partitions(instance, dt.datetime.now(dt.UTC) + LATER) > 0
    assert instance.get_materialized_partitions(ASSET) == {DAYS[-1]}


def connections(url: str) -> int:
    engine = create_engine(url)
    with engine.connect() as connection:
        of_others = "from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        count: int = connection.execute(text(f"select count(*) {of_others}")).scalar_one()
    engine.dispose()
    return count


def empty(url: str) -> None:
    """Have all that counts begin again at one."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    names = "event_logs, asset_keys, asset_event_tags, asset_check_executions"
    with engine.connect() as connection:
        connection.execute(text(f"truncate {names} restart identity"))
    engine.dispose()


def tables(url: str) -> dict[str, list[tuple[object, ...]]]:
    """All rows, without their own times of writing."""
    engine = create_engine(url)
    found = {}
    with engine.connect() as connection:
        for name in ("event_logs", "asset_keys", "asset_event_tags", "asset_check_executions"):
            columns: Iterable[tuple[str]] = connection.execute(
                text("select column_name from information_schema.columns where table_name = :name order by 1"),
                {"name": name},
            ).tuples()
            # PostgreSQL takes a new number of an asset for each event of it, whether or not it needs one.
            hidden = {*OWN_TIMES, *(["id"] if name == "asset_keys" else [])}
            chosen = ", ".join(quoted(column) for (column,) in columns if column not in hidden)
            rows = connection.execute(text(f"select {chosen} from {quoted(name)}"))
            found[name] = sorted((tuple(row) for row in rows), key=repr)
    engine.dispose()
    return found
