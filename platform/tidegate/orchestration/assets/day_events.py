"""Recording what a step did, day by day: materializations with each day's figures, and check results per day.

Dagster lets a step over many partitions yield one result for all of them. Here each day gets its own, which is
what makes one bad day visible among thirty good ones. Deciding what is good or bad does not belong here.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster import DagsterEventType

from tidegate.orchestration.private import (
    AssetCheckEvaluationTargetMaterializationData,
    AssetMaterializationPlannedData,
    EventSpecificData,
    StepMaterializationData,
    output_of_check,
    report_events,
)

Metadata = Mapping[str, Any]


@dataclass(frozen=True)
class DayCheck:
    """The result of one check for one day."""

    key: dg.AssetCheckKey
    day: dt.date
    passed: bool
    severity: dg.AssetCheckSeverity
    blocking: bool
    description: str | None = None
    metadata: Metadata = field(default_factory=dict)

    def evaluation(self, target: AssetCheckEvaluationTargetMaterializationData | None) -> dg.AssetCheckEvaluation:
        return dg.AssetCheckEvaluation(
            asset_key=self.key.asset_key,
            check_name=self.key.name,
            passed=self.passed,
            severity=self.severity,
            blocking=self.blocking,
            description=self.description,
            metadata=self.metadata,
            partition=self.day.isoformat(),
            target_materialization_data=target,
        )


def report_checks(context: dg.AssetExecutionContext, results: Sequence[DayCheck]) -> None:
    """Record each result for its day.

    They are reported, not yielded: Dagster stops a run at a yielded failure of a blocking check, and a bad day
    must not stop the good ones beside it. It is the gate in front of `serving` that blocks.

    Each names the newest materialization of its asset and day as what it checked: to Dagster a result that names
    another one, or none, is out of date, and the check's partition shows as missing. So report after materializing.
    """
    targets = _newest_materializations(context, results)
    _report(
        context,
        [
            (
                DagsterEventType.ASSET_CHECK_EVALUATION,
                result.evaluation(targets.get((result.key.asset_key, result.day.isoformat()))),
            )
            for result in results
        ],
    )


def report_evaluations(context: dg.AssetExecutionContext, evaluations: Sequence[dg.AssetCheckEvaluation]) -> None:
    """Record results that are of their assets as a whole."""
    _report(context, [(DagsterEventType.ASSET_CHECK_EVALUATION, evaluation) for evaluation in evaluations])


def _newest_materializations(
    context: dg.AssetExecutionContext, results: Sequence[DayCheck]
) -> dict[tuple[dg.AssetKey, str], AssetCheckEvaluationTargetMaterializationData]:
    days: dict[dg.AssetKey, set[str]] = defaultdict(set)
    for result in results:
        days[result.key.asset_key].add(result.day.isoformat())
    newest: dict[tuple[dg.AssetKey, str], AssetCheckEvaluationTargetMaterializationData] = {}
    for asset, partitions in days.items():
        wanted = dg.AssetRecordsFilter(asset_key=asset, asset_partitions=sorted(partitions))
        # The step has just materialized each of these days once: its events are the newest ones.
        records = context.instance.fetch_materializations(wanted, limit=len(partitions)).records
        for record in reversed(records):
            newest[asset, str(record.partition_key)] = AssetCheckEvaluationTargetMaterializationData(
                storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
            )
    return newest


def report_materializations(
    context: dg.AssetExecutionContext, materializations: Sequence[dg.AssetMaterialization]
) -> None:
    """Record materializations of single days, for a step that will fail for its other days."""
    _report(
        context,
        [(DagsterEventType.ASSET_MATERIALIZATION, StepMaterializationData(m)) for m in materializations],
    )


def report_failures(context: dg.AssetExecutionContext, partitions: Sequence[tuple[dg.AssetKey, dt.date]]) -> None:
    """Record that these partitions are not as they should be, though the step materialized all days of its run.

    To Dagster a partition has failed whose materialization was planned last in a run that failed, and not done since.
    """
    _report(
        context,
        [
            (DagsterEventType.ASSET_MATERIALIZATION_PLANNED, AssetMaterializationPlannedData(asset, day.isoformat()))
            for asset, day in partitions
        ],
    )


def report_again(context: dg.AssetExecutionContext, asset: dg.AssetKey, days: Sequence[dt.date]) -> None:
    """Record what was materialized last of these days once more, for a step that will fail for other days: to Dagster
    all days of a failed step that were not materialized have failed."""
    partitions = {day.isoformat() for day in days}
    newest = context.instance.event_log_storage.get_latest_storage_id_by_partition(
        asset, DagsterEventType.ASSET_MATERIALIZATION, partitions
    )
    if newest:
        wanted = dg.AssetRecordsFilter(asset_key=asset, storage_ids=list(newest.values()))
        records = context.instance.fetch_materializations(wanted, limit=len(newest)).records
        report_materializations(context, [m for record in records if (m := record.asset_materialization)])


def _report(context: dg.AssetExecutionContext, events: Sequence[tuple[DagsterEventType, EventSpecificData]]) -> None:
    report_events(context, [(kind, data, _message(data)) for kind, data in events])


def _message(data: EventSpecificData) -> str:
    if isinstance(data, dg.AssetCheckEvaluation):
        verdict = "passed" if data.passed else "did not pass"
        checked = f"{data.asset_key.to_user_string()} {data.partition or ''}".rstrip()
        return f"{checked}: {data.check_name} {verdict}."
    if isinstance(data, AssetMaterializationPlannedData):
        return f"{data.asset_key.to_user_string()} {data.partition} failed."
    assert isinstance(data, StepMaterializationData)  # noqa: S101 - the three kinds that _report is given
    return f"Materialized {data.materialization.label} for {data.materialization.partition}."


def checks_done(context: dg.AssetExecutionContext) -> Iterator[dg.Output[None]]:
    """The outputs by which Dagster knows that each selected check ran; their results were reported per day."""
    for key in context.selected_asset_check_keys:
        yield dg.Output(None, output_name=output_of_check(context, key))


def add_day_metadata(context: dg.AssetExecutionContext, asset: dg.AssetKey, by_day: Mapping[dt.date, Metadata]) -> None:
    """Give each day's materialization of `asset` its own figures, once the step yields it."""
    for day, metadata in by_day.items():
        context.add_asset_metadata(metadata, asset_key=asset, partition_key=day.isoformat())
