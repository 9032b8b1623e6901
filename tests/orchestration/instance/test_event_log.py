"""The batching event log stores what Dagster's own would, whole batches at a time, and survives a failed batch."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster import DagsterInstance
from dagster._core.events import DagsterEvent, DagsterEventBatchMetadata, DagsterEventType, StepMaterializationData
from dagster._core.storage.event_log import SqliteEventLogStorage
from sqlalchemy.exc import OperationalError
from tests.support.runs.dagster_events import ASSET, DAYS, a_runs_events, entry

from tidegate.lake.sql import quoted
from tidegate.orchestration.instance.dagster_home import instance_config
from tidegate.orchestration.instance.event_log import BatchingSqliteEventLogStorage
from tidegate.settings import load_settings


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "1000")
    settings = load_settings(home=tmp_path)
    settings.dagster_home.mkdir(parents=True)
    (settings.dagster_home / "dagster.yaml").write_text(yaml.safe_dump(instance_config(settings)))
    with DagsterInstance.from_config(str(settings.dagster_home)) as made:
        yield made


def report(instance: DagsterInstance, run_id: str, days: list[str]) -> None:
    for day in days:
        event = DagsterEvent(
            event_type_value=DagsterEventType.ASSET_MATERIALIZATION.value,
            job_name="daily",
            event_specific_data=StepMaterializationData(dg.AssetMaterialization(ASSET, partition=day)),
        )
        batch = DagsterEventBatchMetadata("batch", is_end=day == days[-1])
        instance.report_dagster_event(event, run_id, batch_metadata=batch)


def materialized(instance: DagsterInstance) -> list[str | None]:
    records = instance.fetch_materializations(ASSET, limit=100, ascending=True).records
    return [record.partition_key for record in records]


def test_the_home_uses_the_batching_storage(instance: DagsterInstance) -> None:
    assert isinstance(instance.event_log_storage, BatchingSqliteEventLogStorage)


def test_a_batch_is_in_the_run_and_in_the_index(instance: DagsterInstance) -> None:
    report(instance, "run-1", DAYS)

    assert materialized(instance) == DAYS
    assert len(instance.all_logs("run-1")) == len(DAYS)
    assert instance.get_materialized_partitions(ASSET) == set(DAYS)


def test_events_after_a_batch_are_stored_singly(instance: DagsterInstance) -> None:
    report(instance, "run-1", DAYS)
    report(instance, "run-2", DAYS[:1])

    assert materialized(instance) == [*DAYS, DAYS[0]]


def test_a_batch_that_fails_halfway_is_stored_once(instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster stores the events of a failed batch singly: none of them may be there already."""
    storage = instance.event_log_storage
    assert isinstance(storage, BatchingSqliteEventLogStorage)

    def fail(*_: object) -> None:
        raise OperationalError("insert", {}, Exception("disk I/O error"))

    monkeypatch.setattr(storage, "_enter_into_index", fail)
    report(instance, "run-1", DAYS)

    assert materialized(instance) == DAYS
    assert len(instance.all_logs("run-1")) == len(DAYS)


@pytest.mark.slow
def test_a_batch_leaves_the_same_tables_as_dagsters_own_storage(tmp_path: Path) -> None:
    """Planned and recorded materializations and checks of several assets and days, the newest of each included."""
    batching = BatchingSqliteEventLogStorage(str(tmp_path / "batching"))
    dagsters = SqliteEventLogStorage(str(tmp_path / "dagsters"))
    entries = [entry("run-1", data) for data in a_runs_events()]

    batching.store_event_batch(entries)
    for one in entries:
        dagsters.store_event(one)
    batching.dispose()

    for shard in ("index", "run-1"):
        assert tables(tmp_path / "batching" / f"{shard}.db") == tables(tmp_path / "dagsters" / f"{shard}.db")


def test_all_who_open_a_new_run_at_once_write_to_one_file(tmp_path: Path) -> None:
    """The webserver looks at a run while its process begins to write to it, and this process may be the first ever."""
    storages = [BatchingSqliteEventLogStorage(str(tmp_path)) for _ in range(8)]
    kind, data = next(a_runs_events())

    with ThreadPoolExecutor(len(storages)) as pool:
        list(pool.map(lambda storage: storage.store_event_batch([entry("run-1", (kind, data))]), storages))

    assert len(storages[0].get_logs_for_run("run-1")) == len(storages)
    for storage in storages:
        storage.dispose()
    assert {file.name for file in tmp_path.iterdir()} == {"index.db", "run-1.db", f".blank-{dg.__version__}"}


OWN_TIMES = {"create_timestamp", "migration_completed"}


def tables(file: Path) -> dict[str, list[tuple[object, ...]]]:
    """All rows, without their own times of writing."""
    with contextlib.closing(sqlite3.connect(file)) as con:
        names = [name for (name,) in con.execute("select name from sqlite_master where type = 'table' order by 1")]
        found = {}
        for name in names:
            columns = [row[1] for row in con.execute(f"pragma table_info({quoted(name)})") if row[1] not in OWN_TIMES]
            found[name] = sorted(con.execute(f"select {', '.join(map(quoted, columns))} from {quoted(name)}"), key=repr)
        return found
