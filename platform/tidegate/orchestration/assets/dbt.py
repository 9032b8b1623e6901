"""The dbt layers as assets: keys, groups, checks and lineage from the manifest, as dagster-dbt makes them.

Running dbt over a window is `transform.build`'s; here a selection made in Dagster becomes a selection of models and
tests, and dbt's results become events of the days they concern.
"""

import datetime as dt
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from graphlib import TopologicalSorter
from typing import Any

import dagster as dg

from tidegate.errors import LakeBusyError, TidegateError
from tidegate.home import Home
from tidegate.lake.connect import Lake
from tidegate.orchestration.assets.day_events import (
    DayCheck,
    add_day_metadata,
    checks_done,
    report_checks,
    report_failures,
)
from tidegate.orchestration.assets.dbt_specs import assets_as_described
from tidegate.orchestration.assets.preview import preview_of
from tidegate.orchestration.assets.raw import SEVERITIES
from tidegate.orchestration.assets.serving import report_gates
from tidegate.orchestration.failures import as_dagster_failure
from tidegate.orchestration.names import DBT_NODE, LAKE_POOL, ROW_COUNT, TRANSFORM
from tidegate.orchestration.partition_definitions import chunked_backfills, partitions_of, window_of
from tidegate.publishing.calendar import enter_held
from tidegate.publishing.requirements import GateRequirements
from tidegate.transform.build import BuildResult, ModelOutcome, TestOutcome, build_window
from tidegate.window import Cadence, Window


def build_dbt_assets(home: Home, owners: list[str], cadence: Cadence) -> dg.AssetsDefinition:
    """Every dbt model of a cadence as an asset, its tests as checks, built by one step over the run's partitions."""

    described = assets_as_described(home, owners, cadence)

    @dg.multi_asset(
        name=cadence.prefixed(TRANSFORM),
        specs=described.specs,
        check_specs=described.check_specs,
        op_tags=described.op_tags,
        can_subset=True,
        # A test may also be of a source.
        allow_arbitrary_check_specs=True,
        partitions_def=partitions_of(home, cadence),
        backfill_policy=chunked_backfills(home.settings),
        pool=LAKE_POOL,
    )
    def transform(context: dg.AssetExecutionContext) -> Iterator[Any]:
        window = window_of(context, home, cadence)
        with as_dagster_failure(context), home.lake() as lake:
            with _reporting_a_refusal(context, home, window):
                result = build_window(
                    home.dbt,
                    lake,
                    window,
                    run_id=context.run.run_id,
                    nodes=_selected_nodes(context, home, cadence),
                )
            checks = [check for check in _day_checks(result) if check.key in context.selected_asset_check_keys]
            held = _products_without(home, cadence, result.unbuilt_models)
            for product in held:
                report_gates(context, product, {day: [_why_unbuilt(result)] for day in window.days})
                enter_held(lake, product, window)
            if result.failed_models:
                context.log.error(_why_unbuilt(result))
                if len(held) in (0, len(home.products_of(cadence))):
                    # No product goes on, or none would hold the run.
                    report_checks(context, checks)
                    raise dg.Failure(_why_unbuilt(result), allow_retries=False)
            with lake.one_moment():
                for model in _built(home, result):
                    _add_figures(context, home, lake, model, result)
        for key in _parents_first(home):
            if key in context.selected_asset_keys:
                yield dg.MaterializeResult(asset_key=key)
        report_checks(context, checks)
        # The other products go on; the run fails once these are held, and these partitions with it.
        report_failures(context, _unbuilt_partitions(home, result))
        yield from checks_done(context)

    return transform


@contextmanager
def _reporting_a_refusal(context: dg.AssetExecutionContext, home: Home, window: Window) -> Iterator[None]:
    """Have the pages of the days say why they are held, where nothing of them may be built."""
    try:
        yield
    except LakeBusyError:
        raise
    except TidegateError as error:
        for product in home.products_of(window.cadence):
            report_gates(context, product, {day: [str(error)] for day in window.days})
        raise


def _parents_first(home: Home) -> Iterator[dg.AssetKey]:
    """The models' keys in the order in which Dagster wants a step to yield them."""
    models = home.graph.models
    for unique_id in TopologicalSorter({m.unique_id: m.parents for m in models.values()}).static_order():
        if unique_id in models:
            yield dg.AssetKey(models[unique_id].asset.split("/"))


def _selected_nodes(context: dg.AssetExecutionContext, home: Home, cadence: Cadence) -> frozenset[str]:
    """Exactly the models and tests that were selected in Dagster, whoever launched the run; and the tests that are no
    checks there, of sources and of what has no day, which the gate asks for all the same."""
    definition = context.assets_def
    specs = [
        *(definition.get_asset_spec(key) for key in context.selected_asset_keys),
        *(definition.get_spec_for_check_key(key) for key in context.selected_asset_check_keys),
    ]
    selected = frozenset(spec.metadata[DBT_NODE] for spec in specs)
    shown = {spec.metadata[DBT_NODE] for spec in definition.check_specs}
    return selected | {test.unique_id for test in home.graph.tests_of(cadence) if test.unique_id not in shown}


def _day_checks(result: BuildResult) -> Iterator[DayCheck]:
    yield from (_day_check(test, day) for test in result.tests for day in result.window.days)


def _day_check(test: TestOutcome, day: dt.date) -> DayCheck:
    passed = day not in test.failed_days
    return DayCheck(
        key=dg.AssetCheckKey(dg.AssetKey(test.asset.split("/")), test.name),
        day=day,
        passed=passed,
        severity=SEVERITIES[test.severity],
        blocking=test.blocking,
        description=None if passed else test.message,
        metadata={"dimension": test.dimension, "failing_rows": test.failures.get(day) or 0},
    )


def _products_without(home: Home, cadence: Cadence, unbuilt: Collection[ModelOutcome]) -> list[GateRequirements]:
    """The products that are made of a model that was not built."""
    names = {model.name for model in unbuilt}
    return [product for product in home.products_of(cadence) if not names.isdisjoint(product.models)]


def _why_unbuilt(result: BuildResult) -> str:
    errors = "\n".join(f"{model.asset}: {model.message}" for model in result.failed_models)
    return (
        f"Not every model could be built for {result.window}. Consumers keep the last good version. "
        f"Fix the model and run the days again.\n{errors}"
    )


def _built(home: Home, result: BuildResult) -> list[ModelOutcome]:
    """The dated models that were built."""
    return [
        model for model in result.models.values() if model.status == "success" and model.unique_id in home.graph.models
    ]


def _unbuilt_partitions(home: Home, result: BuildResult) -> list[tuple[dg.AssetKey, dt.date]]:
    return [
        (dg.AssetKey(model.asset.split("/")), day)
        for model in result.unbuilt_models
        if model.unique_id in home.graph.models
        for day in result.window.days
    ]


def _add_figures(
    context: dg.AssetExecutionContext, home: Home, lake: Lake, outcome: ModelOutcome, result: BuildResult
) -> None:
    model, window = home.graph.models[outcome.unique_id], result.window
    # As dagster-dbt names them.
    shared = {"unique_id": outcome.unique_id, "status": outcome.status, "Execution Duration": outcome.seconds}
    by_day: dict[dt.date, dict[str, Any]] = {
        day: {**shared, "build_id": result.build_id, ROW_COUNT: outcome.rows.get(day, 0)} for day in window.days
    }
    last = window.days[-1]
    by_day[last].update(preview_of(lake, (model.schema, model.name), [], {model.day_column: last}))
    add_day_metadata(context, dg.AssetKey([model.schema, model.name]), by_day)
