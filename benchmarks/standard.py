"""The contender `standard`: Dagster, dagster-dbt and DuckDB wired as their documentation shows. Knows nothing of Tidegate.

An asset per region and for the customers that loads with `load`, `@dbt_assets` with `DbtCliResource`, daily partitions, a backfill in one
run, and the default executor: a process per step.
"""

import datetime as dt
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
from dagster._utils.backoff import backoff
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, DbtProject, dbt_assets

from benchmarks.load import CUSTOMERS, ORDERS, Source, connect, load

LANDING = Path(os.environ["BENCHMARK_LANDING"])
DATABASE = Path(os.environ["TIDEGATE_PLAIN_FILE"])

# dagster-duckdb's resource waits as long for another step's process to let go of the file.
CONNECT_RETRIES = 10

project = DbtProject(os.environ["BENCHMARK_DBT_PROJECT"], target="plain")
project.prepare_if_dev()

days = dg.DailyPartitionsDefinition("2024-01-01", timezone="UTC")
in_one_run = dg.BackfillPolicy.single_run()


def raw_key(source: Source, region: str) -> dg.AssetKey:
    return dg.AssetKey(["raw", source.name, region])


def raw_asset(source: Source, region: str) -> dg.AssetsDefinition:
    @dg.asset(key=raw_key(source, region), partitions_def=days, backfill_policy=in_one_run)
    def load_region(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        with backoff(connect, (duckdb.IOException,), (DATABASE,), max_retries=CONNECT_RETRIES) as con:
            rows = load(con, source, LANDING, days_of(context), [region])
        return dg.MaterializeResult(metadata={"dagster/row_count": rows})

    return load_region


def days_of(context: dg.AssetExecutionContext) -> list[dt.date]:
    return [dt.date.fromisoformat(key) for key in context.partition_keys]


REGIONS_OF = {
    dg.AssetKey(["raw", source.name]): [raw_key(source, region) for region in source.regions]
    for source in (ORDERS, CUSTOMERS)
}


class RegionsBehindSources(DagsterDbtTranslator):
    """dbt's source `raw.orders` is what all regions load."""

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        return spec.replace_attributes(
            deps=[key for dep in spec.deps for key in REGIONS_OF.get(dep.asset_key, [dep.asset_key])]
        )


@dbt_assets(
    manifest=project.manifest_path,
    project=project,
    # Marts of mornings, Mondays and months are made of published days, which a plain file does not have.
    exclude=" ".join(f"config.meta.tidegate.cadence:{each}+" for each in ("morning", "weekly", "monthly")),
    partitions_def=days,
    backfill_policy=in_one_run,
    dagster_dbt_translator=RegionsBehindSources(),
)
def models(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    window = context.partition_time_window
    variables = {
        "window_start": f"{window.start:%Y-%m-%d}",
        "window_end": f"{window.end:%Y-%m-%d}",
        # Late as the contracts of the cases allow.
        "allowed_lateness_days": {"orders": 7, "payments": 7},
    }
    arguments = ["build", "--exclude-resource-type", "unit_test", "--vars", json.dumps(variables)]
    yield from dbt.cli(arguments, context=context).stream()


defs = dg.Definitions(
    assets=[*(raw_asset(source, region) for source in (ORDERS, CUSTOMERS) for region in source.regions), models],
    jobs=[dg.define_asset_job("daily", selection="*")],
    resources={"dbt": DbtCliResource(project_dir=project)},
)
