"""Events as a run records them: planned and recorded materializations and checks of several assets and days."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
from dagster import EventLogEntry
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned
from dagster._core.events import (
    AssetMaterializationPlannedData,
    DagsterEvent,
    DagsterEventType,
    EventSpecificData,
    StepMaterializationData,
)

ASSET = dg.AssetKey(["marts", "daily_sales"])
DAILY = dg.DailyPartitionsDefinition("2024-01-01")
DAYS = [f"2024-01-{day:02}" for day in range(1, 32)]


def a_runs_events() -> Iterator[tuple[DagsterEventType, EventSpecificData]]:
    other = dg.AssetKey(["raw", "orders", "eu-west"])
    subset = DAILY.subset_with_partition_keys(DAYS).to_serializable_subset()
    for asset in (ASSET, other):
        planned = AssetMaterializationPlannedData(asset, partition=None, partitions_subset=subset)
        yield DagsterEventType.ASSET_MATERIALIZATION_PLANNED, planned
        check = AssetCheckEvaluationPlanned(asset_key=asset, check_name="values_are_valid", partitions_subset=subset)
        yield DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED, check
    for day in DAYS:
        for asset in (ASSET, other):
            made = dg.AssetMaterialization(asset, partition=day, metadata={"rows": 3}, tags={"a": day})
            yield DagsterEventType.ASSET_MATERIALIZATION, StepMaterializationData(made)
            result = dg.AssetCheckEvaluation(
                asset_key=asset, check_name="values_are_valid", passed=day != DAYS[4], partition=day
            )
            yield DagsterEventType.ASSET_CHECK_EVALUATION, result


def entry(run_id: str, data: tuple[DagsterEventType, EventSpecificData]) -> EventLogEntry:
    kind, specific = data
    event = DagsterEvent(event_type_value=kind.value, job_name="daily", event_specific_data=specific)
    return EventLogEntry(  # type: ignore[no-untyped-call]
        error_info=None, level=10, user_message="", run_id=run_id, timestamp=1704067200.5, dagster_event=event
    )
