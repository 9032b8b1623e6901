"""Applying a change of logic, or taking one back, and telling Dagster: no run did it, and the UI is to show it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import dagster as dg
from dagster import DagsterInstance
from duckdb import DuckDBPyConnection

from tidegate.changes.apply import Applied, apply_plan
from tidegate.changes.switching import Decision
from tidegate.changes.take_back import take_back
from tidegate.home import Home
from tidegate.lake.connect import Lake
from tidegate.ledger.changes import AppliedChange
from tidegate.ledger.publications import Publication, publications_before_change, publications_of_change
from tidegate.orchestration.asset_keys import serving_key
from tidegate.orchestration.assets.current_logic import evaluate_logic
from tidegate.orchestration.assets.serving import figures_by_mart
from tidegate.publishing.promote import Promotion
from tidegate.window import Cadence, Window


def apply_and_report(
    home: Home,
    instance: DagsterInstance,
    decision: Decision,
    days: Window | None = None,
    *,
    everything: bool = False,
    leave_held: bool = False,
    on_chunk: Callable[[Window], object] = lambda _: None,
) -> Applied:
    """Apply a plan and record a materialization of each partition that shows other content. Raises TidegateError."""
    applied = apply_plan(home, decision, days, everything=everything, leave_held=leave_held, on_chunk=on_chunk)
    _report(home, instance, applied.change)
    return applied


def take_back_and_report(home: Home, instance: DagsterInstance, change_id: str, decision: Decision) -> AppliedChange:
    """Take a change back and record a materialization of each partition that shows other content. Raises
    TidegateError."""
    change = take_back(home, change_id, decision)
    _report(home, instance, change)
    return change


def _report(home: Home, instance: DagsterInstance, change: AppliedChange) -> None:
    with home.lake() as lake:
        for shown in _materializations(home, lake, change):
            instance.report_runless_asset_event(shown)
        for evaluation in evaluate_logic(lake, home, home.products):
            instance.report_runless_asset_event(evaluation)


def _materializations(home: Home, lake: Lake, change: AppliedChange) -> Iterator[dg.AssetMaterialization]:
    changed = _changed(lake.con, change)
    for cadence in Cadence:
        for mart in home.requirements_of(cadence).marts:
            published = {
                each.partition_day: [each] for each in changed if (each.cadence, each.mart) == (cadence, mart.name)
            }
            figures = figures_by_mart(lake, (mart,), Promotion(published, {}))
            for day, metadata in figures[mart.name].items():
                yield dg.AssetMaterialization(
                    serving_key(mart.name), partition=day.isoformat(), description=change.sentence, metadata=metadata
                )


def _changed(con: DuckDBPyConnection, change: AppliedChange) -> list[Publication]:
    """The publications of the change that show other content than what stood before."""
    stood = publications_before_change(con, change.change_id)
    before = {(each.cadence, each.partition_day, each.mart): each.content_hash for each in stood}
    return [
        each
        for each in publications_of_change(con, change.change_id)
        if before.get((each.cadence, each.partition_day, each.mart)) != each.content_hash
    ]
