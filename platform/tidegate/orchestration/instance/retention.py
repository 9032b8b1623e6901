"""How long Dagster's record of a run is kept. Dagster itself deletes none of it.

A run leaves a file of its events, the logs of its steps, a row among the runs, and copies of events in an index over
all runs, by which the UI shows assets and their partitions. `DagsterInstance.delete_run` takes all of it, and with it
that a day was ever made. Here the index keeps the newest of each partition of each asset and check much longer than the
run: partitions look as before, though the runs behind them are gone. Of ten years that would be a gigabyte, so it ends.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeGuard, TypeVar

from dagster import DagsterEventType, DagsterInstance, DagsterRun, RunsFilter
from sqlalchemy import ColumnElement, Select, and_, exists, or_, select
from sqlalchemy.engine import Connection

from tidegate.home import Home
from tidegate.orchestration.history.health import CONTACTS_LOOKED_AT
from tidegate.orchestration.history.instance_record import InstanceRecord
from tidegate.orchestration.history.recent_runs import statuses_of
from tidegate.orchestration.history.run_ledger import enter_finished_runs
from tidegate.orchestration.instance.event_log import BatchingSqliteEventLogStorage
from tidegate.orchestration.instance.private import (
    BULK_ACTION_TERMINAL_STATUSES,
    AssetCheckExecutionRecordStatus,
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    AssetKeyTable,
    RunTagsTable,
    SqlEventLogStorage,
    SqlEventLogStorageTable,
    SqliteEventLogStorage,
    SqlRunStorage,
)
from tidegate.orchestration.names import BACKFILL_OF_UI_TAG, FINISHED

T = TypeVar("T")

EVENTS = SqlEventLogStorageTable
CHECKS = AssetCheckExecutionsTable

MADE = DagsterEventType.ASSET_MATERIALIZATION.value
PLANNED = DagsterEventType.ASSET_MATERIALIZATION_PLANNED.value

# Runs whose events are dropped in one transaction. Of runs of a month each that takes a second, for which who writes
# events waits, for half a minute at most.
RUNS_AT_ONCE = 5

# SQLite takes a thousand in one statement, of older versions.
VALUES_AT_ONCE = 500

# Events that a sensor or a person reported belong to a run without a name.
NO_RUN = ""


def forget_old_runs(home: Home, instance: DagsterInstance) -> int:
    """Delete what Dagster recorded of the runs that ended more than `run_days` ago, and of partitions that nothing was
    recorded of for `event_days`. Returns of how many runs."""
    with home.lake() as lake:
        # The ledger's copy of a run is what is left of it.
        enter_finished_runs(InstanceRecord(instance), lake)
    settings, now = home.settings, dt.datetime.now(dt.UTC)
    forgotten = forget_runs(instance, now - dt.timedelta(days=settings.run_days))
    forget_partitions(instance, now - dt.timedelta(days=max(settings.run_days, settings.event_days)))
    return forgotten


def forget_runs(instance: DagsterInstance, before: dt.datetime) -> int:
    """Delete what Dagster recorded of the runs that ended before a moment (UTC), but for what the UI shows of
    partitions. Returns of how many runs. A run that is under way stays, as do those of a backfill that is.

    Interrupted, it goes on where it stopped the next time: a run's row is what goes last. An instance whose record is
    not in SQLite files of ours or in PostgreSQL is left alone.
    """
    storage, runs = instance.event_log_storage, instance.run_storage
    if not (_is_known(storage) and isinstance(runs, SqlRunStorage)):
        return 0
    forgotten = 0
    for chunk in _batched(_ended_before(instance, before), RUNS_AT_ONCE):
        with storage.index_connection() as index:
            _drop_superseded(index, chunk, before)
            needed = _still_needed(index, chunk)
        for run_id in chunk:
            if isinstance(storage, BatchingSqliteEventLogStorage):
                storage.delete_events_of_run(run_id)
            instance.compute_log_manager.delete_logs(prefix=[run_id])
        gone = [run_id for run_id in chunk if run_id not in needed]
        _delete_runs(runs, gone)
        forgotten += len(gone)
    _forget_events_of_no_run(storage, before)
    if isinstance(storage, BatchingSqliteEventLogStorage):
        _fold_logs(instance, storage)
    return forgotten


def _is_known(storage: object) -> TypeGuard[SqlEventLogStorage]:
    """Whether it has an index of events that may be shortened. In PostgreSQL one table is that and the log of runs."""
    if isinstance(storage, BatchingSqliteEventLogStorage):
        return True
    return isinstance(storage, SqlEventLogStorage) and not isinstance(storage, SqliteEventLogStorage)


def forget_partitions(instance: DagsterInstance, before: dt.datetime) -> int:
    """Delete from the index what was recorded of partitions before a moment (UTC): the UI shows them as not made. The
    newest event of each asset and the newest result of each check stay. Returns how many rows went.

    Interrupted, it goes on where it stopped the next time.
    """
    storage = instance.event_log_storage
    if not _is_known(storage):
        return 0
    moment = before.astimezone(dt.UTC).replace(tzinfo=None)
    with storage.index_connection() as index:
        events = _ids(index, select(EVENTS.c.id).where(EVENTS.c.timestamp < moment, *_of_partitions_with_newer()))
        checks = _ids(index, select(CHECKS.c.id).where(CHECKS.c.create_timestamp < moment, _has_newer_of_its_check()))
    for ids in _batched(events, VALUES_AT_ONCE):
        with storage.index_connection() as index:
            _delete_events(index, ids)
    for ids in _batched(checks, VALUES_AT_ONCE):
        with storage.index_connection() as index:
            index.execute(CHECKS.delete().where(CHECKS.c.id.in_(ids)))
    return len(events) + len(checks)


def _ended_before(instance: DagsterInstance, before: dt.datetime) -> list[str]:
    """Finished runs, the oldest first, but for those of a backfill that still counts them."""
    counted = {
        backfill.backfill_id
        for backfill in instance.get_backfills()
        if backfill.status not in BULK_ACTION_TERMINAL_STATUSES
    }
    ended: Sequence[DagsterRun] = instance.get_runs(RunsFilter(statuses=statuses_of(FINISHED), updated_before=before))
    return [run.run_id for run in reversed(ended) if run.tags.get(BACKFILL_OF_UI_TAG) not in counted]


# --- the index


def _drop_superseded(index: Connection, run_ids: Collection[str], before: dt.datetime) -> None:
    """Drop the runs' events that say nothing of how a partition stands."""
    old = [EVENTS.c.run_id.in_(run_ids), EVENTS.c.timestamp < before.replace(tzinfo=None), _says_nothing_now()]
    for ids in _batched(_ids(index, select(EVENTS.c.id).where(*old)), VALUES_AT_ONCE):
        _delete_events(index, ids)
    newer = CHECKS.alias()
    index.execute(
        CHECKS.delete().where(
            CHECKS.c.run_id.in_(run_ids),
            exists().where(
                newer.c.asset_key == CHECKS.c.asset_key,
                newer.c.check_name == CHECKS.c.check_name,
                newer.c.partition.is_not_distinct_from(CHECKS.c.partition),
                newer.c.id > CHECKS.c.id,
            ),
        )
    )


def _ids(index: Connection, query: Select[Any]) -> list[int]:
    return [row[0] for row in index.execute(query).all()]


def _delete_events(index: Connection, ids: Sequence[int]) -> None:
    index.execute(AssetEventTagsTable.delete().where(AssetEventTagsTable.c.event_id.in_(ids)))
    index.execute(EVENTS.delete().where(EVENTS.c.id.in_(ids)))


def _of_partitions_with_newer() -> Iterator[ColumnElement[bool]]:
    """Of an event: it is of a partition, and there is a newer one of its kind, of any partition of the asset."""
    newer = EVENTS.alias()
    yield EVENTS.c.partition.is_not(None)
    yield exists().where(
        newer.c.asset_key == EVENTS.c.asset_key,
        newer.c.dagster_event_type == EVENTS.c.dagster_event_type,
        newer.c.id > EVENTS.c.id,
    )


def _has_newer_of_its_check() -> ColumnElement[bool]:
    newer = CHECKS.alias()
    return exists().where(
        newer.c.asset_key == CHECKS.c.asset_key, newer.c.check_name == CHECKS.c.check_name, newer.c.id > CHECKS.c.id
    )


def _says_nothing_now() -> ColumnElement[bool]:
    """Of an event: it is of no asset, as a check's, whose result stands in its own table; or a newer one says it."""
    planned = EVENTS.c.dagster_event_type == PLANNED
    return or_(
        EVENTS.c.asset_key.is_(None),
        # Planned and not made is how the UI knows that a partition failed. Where it looks last is the newest of all.
        and_(planned, _has_newer([MADE, PLANNED]), _has_newer([PLANNED], of_partition=False)),
        and_(~planned, EVENTS.c.partition.is_not(None), _has_newer_of_its_type(after=0)),
        # What has no partition is a source's contacts, of which its breaker reads so many.
        and_(~planned, EVENTS.c.partition.is_(None), _has_newer_of_its_type(after=CONTACTS_LOOKED_AT - 1)),
    )


def _has_newer(types: Sequence[str], of_partition: bool = True) -> ColumnElement[bool]:
    newer = EVENTS.alias()
    of_asset = [
        newer.c.asset_key == EVENTS.c.asset_key,
        newer.c.dagster_event_type.in_(types),
        newer.c.id > EVENTS.c.id,
    ]
    same = [newer.c.partition.is_not_distinct_from(EVENTS.c.partition)] if of_partition else []
    return exists().where(*of_asset, *same)


def _has_newer_of_its_type(after: int) -> ColumnElement[bool]:
    """Whether there is one more than `after` newer ones, of the same asset and partition."""
    newer = EVENTS.alias()
    found = select(newer.c.id).where(
        newer.c.asset_key == EVENTS.c.asset_key,
        newer.c.dagster_event_type == EVENTS.c.dagster_event_type,
        newer.c.partition.is_not_distinct_from(EVENTS.c.partition),
        newer.c.id > EVENTS.c.id,
    )
    return found.limit(1).offset(after).correlate(EVENTS).exists()


def _still_needed(index: Connection, run_ids: Collection[str]) -> set[str]:
    """The runs whose end the UI asks for: how a partition or check failed that was planned and never made, and what
    an asset's newest run was."""
    planned = select(EVENTS.c.run_id).where(EVENTS.c.run_id.in_(run_ids), EVENTS.c.dagster_event_type == PLANNED)
    without_result = select(CHECKS.c.run_id).where(
        CHECKS.c.run_id.in_(run_ids), CHECKS.c.execution_status == AssetCheckExecutionRecordStatus.PLANNED.value
    )
    newest = select(AssetKeyTable.c.last_run_id).where(AssetKeyTable.c.last_run_id.in_(run_ids))
    return {row[0] for row in index.execute(planned.union(without_result, newest)).all()}


# --- the runs


def _forget_events_of_no_run(storage: SqlEventLogStorage, before: dt.datetime) -> None:
    with storage.index_connection() as index:
        _drop_superseded(index, [NO_RUN], before)
    if isinstance(storage, BatchingSqliteEventLogStorage) and Path(storage.path_for_shard(NO_RUN)).exists():
        with storage.run_connection(NO_RUN) as of_no_run:
            of_no_run.execute(EVENTS.delete().where(EVENTS.c.timestamp < before.replace(tzinfo=None)))


def _fold_logs(instance: DagsterInstance, storage: BatchingSqliteEventLogStorage) -> None:
    """Have the files of finished runs without a write-ahead log: with it, a day's run is 3.5 MB, and 0.6 MB without."""
    for run_ids in _batched(storage.runs_with_a_log(), VALUES_AT_ONCE):
        for run in instance.get_runs(RunsFilter(run_ids=run_ids, statuses=statuses_of(FINISHED))):
            storage.fold_log_of_run(run.run_id)


def _delete_runs(runs: SqlRunStorage, run_ids: Collection[str]) -> None:
    for run_id in run_ids:
        # Dagster leaves the tags, on SQLite.
        with runs.connect() as connection:
            connection.execute(RunTagsTable.delete().where(RunTagsTable.c.run_id == run_id))
        runs.delete_run(run_id)


def _batched(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """As that of itertools in Python 3.12."""
    rest = iter(values)
    while batch := list(islice(rest, size)):
        yield batch
