"""The jobs: a whole day, one source's deliveries, the days built from what is loaded, and the lake's upkeep."""

from collections.abc import Sequence

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.storage.tags import MAX_RUNTIME_SECONDS_TAG, RETRY_ON_ASSET_OR_OP_FAILURE_TAG

from tidegate.home import Home
from tidegate.lake.maintenance import maintain
from tidegate.orchestration.failures import told_to_people
from tidegate.orchestration.names import BUILD_JOB, DAILY_JOB, LAKE_POOL, MAINTENANCE_JOB, load_job

Jobs = list[dg.JobDefinition | UnresolvedAssetJobDefinition]


def build_jobs(
    home: Home, raw: Sequence[dg.AssetsDefinition], transform: dg.AssetsDefinition, serving: dg.AssetsDefinition
) -> Jobs:
    """All jobs of a home. `raw` are its sources' assets, in the order of its contracts."""
    limit = {
        MAX_RUNTIME_SECONDS_TAG: str(home.settings.run_limit_minutes * 60),
        # Where an instance retries runs: a rejected delivery or a broken model is not one to retry.
        RETRY_ON_ASSET_OR_OP_FAILURE_TAG: "false",
    }
    return [
        dg.define_asset_job(
            DAILY_JOB,
            selection=dg.AssetSelection.all(),
            description="A day from landing to serving: judge, load, build, check, publish.",
            tags=limit,
        ),
        *(
            dg.define_asset_job(
                load_job(source),
                selection=_all_of(assets),
                description=f"Captures, judges and loads deliveries of {source}; publishes nothing.",
                tags=limit,
            )
            for source, assets in zip(home.contracts, raw, strict=True)
        ),
        dg.define_asset_job(
            BUILD_JOB,
            selection=_all_of(transform) | _all_of(serving),
            description="Days from what is loaded to serving: build, check, publish.",
            tags=limit,
        ),
        _maintenance(home, limit),
    ]


def _all_of(assets: dg.AssetsDefinition) -> dg.AssetSelection:
    """The assets and every check that their step makes, on whichever asset that is."""
    return dg.AssetSelection.assets(*assets.keys) | dg.AssetSelection.checks(*assets.check_keys)


def _maintenance(home: Home, tags: dict[str, str]) -> dg.JobDefinition:
    @dg.op(pool=LAKE_POOL, description="Merges small files and drops snapshots that nobody needs any more.")
    def maintain_lake(context: dg.OpExecutionContext) -> None:
        with told_to_people(context), home.lake() as lake:
            context.log.info(f"Lake maintained: {maintain(lake, home.settings.snapshot_days)}.")

    @dg.job(name=MAINTENANCE_JOB, description="The lake's weekly upkeep; content stays as it is.", tags=tags)
    def maintenance() -> None:
        maintain_lake()

    return maintenance
