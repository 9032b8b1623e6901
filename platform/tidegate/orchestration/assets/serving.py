"""The serving layer: what consumers read. One step moves all marts of the good days at once and holds the others.

The gate is `publishing.gate`. It reads the ledger alone, so it does not matter who launched this step.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import dagster as dg

from tidegate.home import Home
from tidegate.lake.connect import Lake
from tidegate.ledger.publications import Publication
from tidegate.ledger.rollbacks import Rollback
from tidegate.orchestration.asset_keys import serving_key
from tidegate.orchestration.assets.current_logic import evaluate_logic, logic_spec
from tidegate.orchestration.assets.day_events import (
    DayCheck,
    add_day_metadata,
    checks_done,
    report_checks,
    report_evaluations,
    report_materializations,
)
from tidegate.orchestration.assets.owners import owners_of_product
from tidegate.orchestration.assets.preview import preview_of
from tidegate.orchestration.failures import as_dagster_failure
from tidegate.orchestration.names import COLUMN_SCHEMA, LAKE_POOL, ROW_COUNT, TABLE_NAME, group_of
from tidegate.orchestration.partition_definitions import chunked_backfills, partitions_of, window_of
from tidegate.publishing.promote import Promotion, promote
from tidegate.publishing.requirements import GateRequirements, Mart
from tidegate.window import Cadence, Window

# The check that tells a held partition from a published one.
GATE = "may_be_published"


def build_serving_assets(home: Home, owners: list[str], cadence: Cadence) -> dg.AssetsDefinition:
    """One asset per mart of a cadence. Those of a product are moved together: a reader sees all of its marts of a
    partition before or after, never between; and what holds one product holds no other."""

    @dg.multi_asset(
        name=cadence.prefixed("promote"),
        description="Publishes the partitions whose gate is open, all marts of a product in one transaction; holds the "
        "others.",
        specs=[
            _asset_spec(home, mart, product, owners) for product in home.products_of(cadence) for mart in product.marts
        ],
        check_specs=[
            spec
            for mart in home.requirements_of(cadence).marts
            for spec in (_gate_spec(home, mart, cadence), logic_spec(mart))
        ],
        # Whichever mart of a product is selected, all of its marts are published.
        can_subset=True,
        backfill_policy=chunked_backfills(home.settings),
        pool=LAKE_POOL,
    )
    def promote_days(context: dg.AssetExecutionContext) -> Iterator[Any]:
        selected = context.selected_asset_keys | {
            check.asset_key for check in context.selected_asset_check_keys if check.name == GATE
        }
        products = [
            product for product in home.products_of(cadence) if not selected.isdisjoint(map(serving_key, product.names))
        ]
        if products:
            yield from _publish(context, home, window_of(context, home, cadence), products)
        else:
            # Only whether the logic is current is asked, which is no matter of partitions.
            with as_dagster_failure(context), home.lake() as lake:
                _report_logic(context, home, lake, cadence)
        yield from checks_done(context)

    return promote_days


def _publish(
    context: dg.AssetExecutionContext, home: Home, window: Window, products: Sequence[GateRequirements]
) -> Iterator[dg.MaterializeResult[Any]]:
    """Publish what may be published of the window and report it; fails where a partition is held."""
    with as_dagster_failure(context), home.lake() as lake:
        promotions = [(product, promote(lake, window, product, context.run.run_id)) for product in products]
        figures = {
            mart: by_day
            for product, promotion in promotions
            for mart, by_day in figures_by_mart(lake, product.marts, promotion).items()
            if serving_key(mart) in context.selected_asset_keys
        }
        _report_logic(context, home, lake, window.cadence)
        if any(promotion.held for _, promotion in promotions):
            _materialize_good_days(context, figures)
            for product, promotion in promotions:
                report_gates(context, product, promotion.held, promotion.published)
            raise dg.Failure(_why_held(window, promotions), allow_retries=False)
        for mart in figures:
            add_day_metadata(context, serving_key(mart), figures[mart])
    for mart in figures:
        yield dg.MaterializeResult(asset_key=serving_key(mart))
    for product, promotion in promotions:
        report_gates(context, product, {}, promotion.published)


def _report_logic(context: dg.AssetExecutionContext, home: Home, lake: Lake, cadence: Cadence) -> None:
    """Record, for the marts of which that is selected, whether what is published stands on the logic of now."""
    evaluations = evaluate_logic(lake, home, home.products_of(cadence))
    report_evaluations(
        context, [each for each in evaluations if each.asset_check_key in context.selected_asset_check_keys]
    )


def report_gates(
    context: dg.AssetExecutionContext,
    product: GateRequirements,
    held: Mapping[dt.date, Sequence[str]],
    published: Iterable[dt.date] = (),
) -> None:
    """Record on the page of each partition of the product's marts whether it may be published, and if not, why.

    A day is not only held by the step that publishes: one that was rejected or could not be built never gets there.
    """
    reasons: dict[dt.date, Sequence[str]] = {**dict.fromkeys(published, ()), **held}
    checks = [
        DayCheck(
            key=dg.AssetCheckKey(serving_key(mart.name), GATE),
            day=day,
            passed=not why,
            severity=dg.AssetCheckSeverity.ERROR,
            blocking=False,
            description="\n".join(why) or None,
            metadata={"reasons": len(why)},
        )
        for mart in product.marts
        for day, why in reasons.items()
    ]
    report_checks(context, checks)


def _gate_spec(home: Home, mart: Mart, cadence: Cadence) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        GATE,
        asset=serving_key(mart.name),
        description="Everything behind the partition is delivered, built and checked. If this fails, it says why the "
        "partition is held; consumers keep its last good version.",
        partitions_def=partitions_of(home, cadence),
    )


def _asset_spec(home: Home, mart: Mart, product: GateRequirements, owners: list[str]) -> dg.AssetSpec:
    model = next(each for each in home.graph.models.values() if each.is_mart and each.name == mart.name)
    node = home.dbt.manifest()["nodes"][model.unique_id]
    cadence = product.cadence
    columns = [dg.TableColumn(c["name"], c["data_type"], c["description"]) for c in node["columns"].values()]
    return dg.AssetSpec(
        serving_key(mart.name),
        deps=[dg.AssetKey(["marts", mart.name])],
        description=f"{node['description']}\n\nAs consumers read it: only partitions that passed every blocking check.",
        group_name=group_of("serving", cadence),
        kinds={"duckdb"},
        owners=owners_of_product(product, owners),
        tags={"layer": "serving", "product": product.product},
        metadata={
            COLUMN_SCHEMA: dg.TableSchema(columns),
            TABLE_NAME: f"lake.serving.{mart.name}",
            **_promised(product),
        },
        partitions_def=partitions_of(home, cadence),
        freshness_policy=_published_in_time(home, product),
    )


def _promised(product: GateRequirements) -> dict[str, str]:
    """What the product's group promises, for its assets' pages."""
    deadline, channel = product.promise.deadline, product.promise.alert_channel
    return {
        **({"deadline": f"{deadline:%H:%M}"} if deadline else {}),
        **({"alert_channel": channel} if channel else {}),
    }


def _published_in_time(home: Home, product: GateRequirements) -> dg.FreshnessPolicy | None:
    """Something is published on the first day of every partition, from midnight to the product's deadline.

    Dagster looks at the newest materialization, of whichever partition: a restatement counts as one. What exactly is
    overdue, `tidegate status` says.
    """
    deadline = product.promise.deadline or _expected_by(home, product)
    if deadline is None:
        return None
    return _by_the_deadline(product.cadence, deadline, home.settings.timezone)


@cache
def _by_the_deadline(cadence: Cadence, deadline: dt.time, timezone: str) -> dg.FreshnessPolicy:
    """Dagster walks through the schedule to check one: 10 ms, which the assets of a product need not pay each."""
    since_midnight = dt.timedelta(hours=deadline.hour, minutes=deadline.minute)
    return dg.FreshnessPolicy.cron(
        cadence.cron(deadline.hour, deadline.minute),
        lower_bound_delta=since_midnight or dt.timedelta(days=1),
        timezone=timezone,
    )


def _expected_by(home: Home, product: GateRequirements) -> dt.time | None:
    """By when the partitions of a product without a deadline should be there: days by the last of their contracts'
    deadlines, if any has one. The schedules of Mondays and months run at 06:00, and by noon somebody should ask."""
    if product.cadence is not Cadence.daily:
        return dt.time(12)
    sources = {source for source, _ in product.deliveries}
    return max((time for source in sources if (time := home.contracts[source].published_by)), default=None)


def figures_by_mart(
    lake: Lake, marts: tuple[Mart, ...], promotion: Promotion
) -> dict[str, dict[dt.date, dict[str, Any]]]:
    """What was published of each mart on each day; on the newest day, some of its rows as well."""
    figures: dict[str, dict[dt.date, dict[str, Any]]] = {mart.name: {} for mart in marts}
    for day, publications in promotion.published.items():
        for publication in publications:
            figures[publication.mart][day] = _figures(publication) | _rollback_figures(promotion.rolled_back.get(day))
    if promotion.published:
        newest = max(promotion.published)
        with lake.one_moment():
            for mart in marts:
                figures[mart.name][newest] |= preview_of(lake, ("serving", mart.name), [], {mart.day_column: newest})
    return figures


def _figures(publication: Publication) -> dict[str, Any]:
    return {
        ROW_COUNT: publication.rows,
        "content_hash": publication.content_hash,
        "publication": publication.publication_id,
        "lake_snapshot": publication.lake_snapshot,
    }


def _rollback_figures(rollback: Rollback | None) -> dict[str, Any]:
    """That the partition does not show its newest candidate, and why."""
    if rollback is None:
        return {}
    return {
        "rolled_back": rollback.sentence,
        "rolled_back_to": rollback.restores,
        "rolled_back_by": rollback.rolled_back_by,
        "rolled_back_because": rollback.reason or "",
    }


def _materialize_good_days(
    context: dg.AssetExecutionContext, figures: Mapping[str, Mapping[dt.date, Mapping[str, Any]]]
) -> None:
    """Record the published days one by one, since the step will fail for the held ones."""
    report_materializations(
        context,
        [
            dg.AssetMaterialization(serving_key(mart), partition=day.isoformat(), metadata=metadata)
            for mart, by_day in figures.items()
            for day, metadata in by_day.items()
        ],
    )


def _why_held(window: Window, promotions: Sequence[tuple[GateRequirements, Promotion]]) -> str:
    return "\n".join(
        _why_product_is_held(window, f"{product.product}: " if len(promotions) > 1 else "", promotion)
        for product, promotion in promotions
        if promotion.held
    )


def _why_product_is_held(window: Window, product: str, promotion: Promotion) -> str:
    held = "\n".join(f"{product}{day} is held: {' '.join(reasons)}" for day, reasons in sorted(promotion.held.items()))
    return (
        f"{product}{len(promotion.held)} of {len(window.days)} {window.cadence.noun} of {window} not published; "
        f"consumers keep the last good version of each.\n{held}"
    )
