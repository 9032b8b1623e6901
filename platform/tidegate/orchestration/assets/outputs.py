"""Outputs: exports and pages that follow from what is published, each kind an asset.

One step makes all kinds of a cadence. What fails keeps no other output back, and leaves what was there before.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from tidegate.home import Home
from tidegate.orchestration.asset_keys import serving_key
from tidegate.orchestration.assets.day_events import report_again, report_materializations
from tidegate.orchestration.failures import as_dagster_failure
from tidegate.orchestration.names import ONLY_DUE_TAG, OUTPUTS_POOL, ROW_COUNT
from tidegate.orchestration.partition_definitions import chunked_backfills, days_behind, partitions_of, window_of
from tidegate.outputs.making import AGAIN, Made, Making, make_outputs
from tidegate.outputs.pages.files import BRIEFS, REPORTS
from tidegate.outputs.pages.quality_files import QUALITY
from tidegate.outputs.removed_exports import withdraw_exports
from tidegate.publishing.due.made_of import OutputKind
from tidegate.window import Cadence, Window

DESCRIPTIONS = {
    BRIEFS: "The figures of a day against the same weekday of the weeks before: a page, and the same below.",
    QUALITY: "How good the data was over time: one page of everything, of the newest published day.",
    REPORTS: "The customer segmentation of a Monday: a page that loads nothing, with its figures as JSON and CSV.",
}
OF_AN_EXPORT = (
    "Each published partition as Parquet and CSV. `latest.json`, written last, names the newest good version with its "
    "row count, hashes, schema and lake snapshot: who follows it never reads half."
)
KINDS = {BRIEFS: {"html"}, QUALITY: {"html"}, REPORTS: {"html", "csv"}}


def build_output_assets(home: Home, owners: list[str], cadence: Cadence) -> dg.AssetsDefinition:
    """All kinds of outputs of a cadence, an asset each."""
    makers = {_key(maker.kind): maker for maker in home.makers_of(cadence)}

    @dg.multi_asset(
        name=cadence.prefixed("make_outputs"),
        description="Makes exports and pages of published partitions. For a sensor, those that are due.",
        specs=[_asset_spec(home, maker.kind, owners, cadence) for maker in makers.values()],
        can_subset=True,
        backfill_policy=chunked_backfills(home.settings),
        pool=OUTPUTS_POOL,
    )
    def make_what_follows(context: dg.AssetExecutionContext) -> Iterator[Any]:
        window = window_of(context, home, cadence)
        selected = {key: maker for key, maker in makers.items() if key in context.selected_asset_keys}
        only_due = context.run.tags.get(ONLY_DUE_TAG) == "true"
        with as_dagster_failure(context), home.lake() as lake:
            withdraw_exports(lake, home.outputs, context.run.run_id)
            wanted = list(selected.values())
            making = make_outputs(lake, home.outputs, wanted, window.days, context.run.run_id, only_due)
        report_materializations(context, [_materialization(kind, made) for (kind, _), made in making.made.items()])
        if making.unmade:
            for key in selected:
                report_again(context, key, _left_alone(key, window, making))
            raise dg.Failure(f"{making.complaint} {AGAIN}", allow_retries=False)
        # Nothing is yielded: that would materialize every day of the run, and those that are not due stay as they were.
        yield from ()

    return make_what_follows


def _key(kind: OutputKind) -> dg.AssetKey:
    folder, _, name = kind.name.partition("/")
    return dg.AssetKey([folder, name])


def _asset_spec(home: Home, kind: OutputKind, owners: list[str], cadence: Cadence) -> dg.AssetSpec:
    return dg.AssetSpec(
        _key(kind),
        deps=list(_deps(kind)),
        description=DESCRIPTIONS.get(kind.name, OF_AN_EXPORT),
        group_name="outputs",
        kinds=KINDS.get(kind.name, {"parquet", "csv"}),
        owners=owners,
        tags={"layer": "outputs"},
        partitions_def=partitions_of(home, cadence),
        skippable=True,
    )


def _deps(kind: OutputKind) -> Iterator[dg.AssetDep]:
    """The marts that it is made of. A day's outputs depend on the day; that a brief looks back is the ledger's to know,
    since a day of the weeks before it need not be published."""
    for ingredient in kind.ingredients:
        behind = (
            days_behind(Cadence(kind.cadence), max(ingredient.days_before))
            if ingredient.cadence != kind.cadence
            else None
        )
        for mart in ingredient.marts:
            yield dg.AssetDep(serving_key(mart), partition_mapping=behind)


def _materialization(kind: str, made: Made) -> dg.AssetMaterialization:
    folder, _, name = kind.partition("/")
    return dg.AssetMaterialization(
        dg.AssetKey([folder, name]), partition=made.day.isoformat(), metadata=_metadata(made)
    )


def _metadata(made: Made) -> Mapping[str, Any]:
    facts = {ROW_COUNT if name == "rows" else name: fact for name, fact in made.facts.items()}
    return {**facts, **({"brief": dg.MetadataValue.md(made.markdown)} if made.markdown else {})}


def _left_alone(key: dg.AssetKey, window: Window, making: Making) -> list[dt.date]:
    """The days of the run whose output was neither made nor failed to be."""
    kind = key.to_user_string()
    return [day for day in window.days if (kind, day) not in making.made and (kind, day) not in making.unmade]
