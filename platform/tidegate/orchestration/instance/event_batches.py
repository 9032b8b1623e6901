"""Entering a batch of Dagster's events into its index, in a few statements for all of them: what is kept of each asset
and of each check. For storages in any SQL database; how they connect and insert the events themselves is their own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from dagster import DagsterEventType, EventLogEntry
from sqlalchemy import bindparam, select
from sqlalchemy.engine import Connection

from tidegate.orchestration.instance.private import (
    ASSET_CHECK_EVENTS,
    ASSET_EVENTS,
    EVENT_TYPE_TO_PIPELINE_RUN_STATUS,
    AssetCheckExecutionRecordStatus,
    AssetCheckExecutionsTable,
    SqlEventLogStorage,
)

EXECUTIONS = AssetCheckExecutionsTable
PLANNED_CHECK = DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED
CHECK_RESULT = DagsterEventType.ASSET_CHECK_EVALUATION

RESULT_OF_CHECK = (
    EXECUTIONS.update()
    .where(
        EXECUTIONS.c.run_id == bindparam("of_run"),
        EXECUTIONS.c.asset_key == bindparam("of_asset"),
        EXECUTIONS.c.check_name == bindparam("of_check"),
        EXECUTIONS.c.partition.is_not_distinct_from(bindparam("of_partition")),
    )
    .values(
        {
            name: bindparam(name)
            for name in (
                "execution_status",
                "materialization_event_storage_id",
                "evaluation_event",
                "evaluation_event_timestamp",
                "evaluation_event_storage_id",
            )
        }
    )
)


class Numbered(NamedTuple):
    """An event with its number in the index, and its text, which takes longest to make."""

    id: int
    entry: EventLogEntry
    serialized: str


class BatchingIndex(SqlEventLogStorage):
    """What storages that write batches have in common."""

    # Tables and columns that are known to be there.
    _there: set[str]

    def _enter_into_index(self, index: Connection, numbered: Sequence[Numbered]) -> None:
        """Update what is kept per asset and per check, for entries that were just inserted."""
        of_assets = [(n.id, n.entry) for n in numbered if n.entry.dagster_event_type in ASSET_EVENTS]
        self._store_asset_event_tags(index, [entry for _, entry in of_assets], [i for i, _ in of_assets])
        # An asset's row tells its newest event of each type; those before it would be overwritten at once.
        newest = {(_asset_of(entry), entry.dagster_event_type): (i, entry) for i, entry in of_assets}
        # By asset: two runs that write the same ones at once must lock them in one order.
        for _, (i, entry) in sorted(newest.items(), key=lambda item: (item[0][0], item[1][0])):
            self._store_asset_event(index, entry, i)
        self._enter_planned_checks(index, [n for n in numbered if n.entry.dagster_event_type == PLANNED_CHECK])
        self._enter_check_results(index, [n for n in numbered if n.entry.dagster_event_type == CHECK_RESULT])

    def _enter_planned_checks(self, index: Connection, planned: Sequence[Numbered]) -> None:
        """A row for each partition that a check will run on; Dagster would serialize the event again for each."""
        rows = [
            {
                "asset_key": of_check.asset_key.to_string(),
                "check_name": of_check.check_name,
                "partition": partition,
                "run_id": event.entry.run_id,
                "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
                **common,
            }
            for event in planned
            for of_check, common in [(_check_data(event.entry), self._of_event(event))]
            for partition in (of_check.partitions_subset.get_partition_keys() if of_check.partitions_subset else [None])
        ]
        if rows:
            index.execute(EXECUTIONS.insert(), rows)

    def _enter_check_results(self, index: Connection, results: Sequence[Numbered]) -> None:
        """Results go to the rows of their planned checks; one that was not planned is left to Dagster."""
        known = self._entered_checks(index, {event.entry.run_id for event in results})
        planned = [event for event in results if _check_key(event.entry) in known]
        if planned:
            index.execute(RESULT_OF_CHECK, [self._result_row(event) for event in planned])
        for event in results:
            if _check_key(event.entry) not in known:
                self.store_asset_check_event(event.entry, event.id)

    def _entered_checks(self, index: Connection, run_ids: Collection[str]) -> set[tuple[str, str, str, str | None]]:
        c = EXECUTIONS.c
        found = select(c.run_id, c.asset_key, c.check_name, c.partition).where(c.run_id.in_(run_ids))
        return {(row[0], row[1], row[2], row[3]) for row in index.execute(found).all()}

    def _result_row(self, event: Numbered) -> dict[str, Any]:
        result = _check_data(event.entry)
        run_id, asset, check, partition = _check_key(event.entry)
        status = AssetCheckExecutionRecordStatus.SUCCEEDED if result.passed else AssetCheckExecutionRecordStatus.FAILED
        target = result.target_materialization_data
        return {
            "of_run": run_id,
            "of_asset": asset,
            "of_check": check,
            "of_partition": partition,
            "execution_status": status.value,
            "materialization_event_storage_id": target.storage_id if target else None,
            **self._of_event(event),
        }

    def _of_event(self, event: Numbered) -> dict[str, Any]:
        return {
            "evaluation_event": event.serialized,
            "evaluation_event_timestamp": self._event_insert_timestamp(event.entry),  # type: ignore[no-untyped-call]
            "evaluation_event_storage_id": event.id,
        }

    def has_table(self, table_name: str) -> bool:
        parent = super().has_table  # type: ignore[safe-super]  # of the storage that this is mixed into
        return self._once(f"table {table_name}", lambda: parent(table_name))

    def _once(self, what: str, look: Callable[[], bool]) -> bool:
        """What the schema has is asked for every event, and only migrations change it, by adding."""
        if what not in self._there and look():
            self._there.add(what)
        return what in self._there


def _check_data(entry: EventLogEntry) -> Any:
    return entry.get_dagster_event().event_specific_data


def _asset_of(entry: EventLogEntry) -> str:
    asset = entry.get_dagster_event().asset_key
    return asset.to_string() if asset else ""


def _check_key(entry: EventLogEntry) -> tuple[str, str, str, str | None]:
    result = _check_data(entry)
    return entry.run_id, result.asset_key.to_string(), result.check_name, result.partition


def is_of_an_asset(entry: EventLogEntry) -> bool:
    """Whether something is kept of the event per asset or per check."""
    kind = entry.dagster_event_type
    return kind in ASSET_EVENTS or kind in ASSET_CHECK_EVENTS


def is_mirrored(entry: EventLogEntry) -> bool:
    """Whether SQLite's index has a copy of the event, for questions across runs."""
    return is_of_an_asset(entry) or entry.dagster_event_type in EVENT_TYPE_TO_PIPELINE_RUN_STATUS
