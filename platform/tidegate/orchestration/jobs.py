"""The jobs: a whole day, one source's deliveries, partitions from what is there, their outputs, plans,
and upkeep."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import dagster as dg

from tidegate.home import Home
from tidegate.ledger.upkeep.maintenance import maintain
from tidegate.orchestration.failures import as_dagster_failure
from tidegate.orchestration.names import (
    BUILD_JOBS,
    DAILY_JOB,
    LAKE_POOL,
    MAINTENANCE_JOB,
    OUTPUT_JOBS,
    PLAN_JOB,
    RETRY_AFTER_STEP_TAG,
    load_job,
)
from tidegate.orchestration.needs import tags_of_job
from tidegate.orchestration.plan_job import build_plan_job
from tidegate.orchestration.private import UnresolvedAssetJobDefinition
from tidegate.outputs.expiry import expire_exports
from tidegate.window import Cadence

Jobs = list[dg.JobDefinition | UnresolvedAssetJobDefinition]


@dataclass(frozen=True)
class Layers:
    """The assets of a home: `raw` in the order of its contracts; of each cadence what is built, what is published, and
    what follows from that."""

    raw: Sequence[dg.AssetsDefinition]
    transform: Mapping[Cadence, dg.AssetsDefinition]
    serving: Mapping[Cadence, dg.AssetsDefinition]
    outputs: Mapping[Cadence, dg.AssetsDefinition]

    @property
    def all(self) -> list[dg.AssetsDefinition]:
        return [*self.raw, *self.transform.values(), *self.serving.values(), *self.outputs.values()]


def build_jobs(home: Home, layers: Layers) -> Jobs:
    """All jobs of a home."""
    limit = {
        dg.MAX_RUNTIME_SECONDS_TAG: str(home.settings.run_limit_minutes * 60),
        # Where an instance retries runs: a rejected delivery or a broken model is not one to retry.
        RETRY_AFTER_STEP_TAG: "false",
    }
    contracts = list(home.contracts.values())
    needs = partial(tags_of_job, home.settings)
    return [
        dg.define_asset_job(
            DAILY_JOB,
            selection=_all_of(*layers.raw, layers.transform[Cadence.daily], layers.serving[Cadence.daily]),
            description="A day from landing to serving: judge, load, build, check, publish.",
            tags={**limit, **needs(DAILY_JOB, contracts, home.products_of(Cadence.daily))},
        ),
        *(
            dg.define_asset_job(
                load_job(contract.source),
                selection=_all_of(assets),
                description=f"Captures, judges and loads deliveries of {contract.source}; publishes nothing.",
                tags={**limit, **needs(load_job(contract.source), [contract])},
            )
            for contract, assets in zip(contracts, layers.raw, strict=True)
        ),
        *(
            dg.define_asset_job(
                BUILD_JOBS[cadence],
                selection=_all_of(layers.transform[cadence], layers.serving[cadence]),
                description=f"{cadence.noun.capitalize()} from what is there to serving: build, check, publish.",
                tags={**limit, **needs(BUILD_JOBS[cadence], products=home.products_of(cadence))},
            )
            for cadence in layers.transform
        ),
        *(
            dg.define_asset_job(
                OUTPUT_JOBS[cadence],
                selection=_all_of(assets),
                description="Exports and pages of published partitions.",
                tags={**limit, **needs(OUTPUT_JOBS[cadence], products=home.products_of(cadence))},
            )
            for cadence, assets in layers.outputs.items()
        ),
        _maintenance(home, {**limit, **needs(MAINTENANCE_JOB)}),
        build_plan_job(home, {**limit, **needs(PLAN_JOB, contracts, home.products)}),
    ]


def _all_of(*definitions: dg.AssetsDefinition) -> dg.AssetSelection:
    """The assets and every check that their steps make, on whichever asset that is."""
    keys = [key for assets in definitions for key in assets.keys]
    checks = [key for assets in definitions for key in assets.check_keys]
    return dg.AssetSelection.assets(*keys) | dg.AssetSelection.checks(*checks)


def _maintenance(home: Home, tags: dict[str, str]) -> dg.JobDefinition:
    @dg.op(
        pool=LAKE_POOL,
        description="Merges small files and drops old snapshots, old versions of exports and records of old runs.",
    )
    def maintain_lake(context: dg.OpExecutionContext) -> None:
        # It loads SQLAlchemy, which no other step needs.
        from tidegate.orchestration.instance.retention import forget_old_runs

        with as_dagster_failure(context), home.lake() as lake:
            context.log.info(f"Lake maintained: {maintain(lake, home.settings.snapshot_days)}.")
            expired = expire_exports(lake, home.outputs, home.settings.export_days, dt.datetime.now(dt.UTC))
            context.log.info(f"{expired} old versions of exports deleted.")
            context.log.info(f"{forget_old_runs(home, context.instance)} old runs forgotten.")

    @dg.job(name=MAINTENANCE_JOB, description="The lake's weekly upkeep; content stays as it is.", tags=tags)
    def maintenance() -> None:
        maintain_lake()

    return maintenance
