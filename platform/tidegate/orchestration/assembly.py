"""Assembles the platform: assets, checks, jobs, sensors and schedules of one home. Nothing is decided here."""

from __future__ import annotations

import sys
import warnings

import dagster as dg

from tidegate.home import Home
from tidegate.orchestration.assets.dbt import build_dbt_assets
from tidegate.orchestration.assets.outputs import build_output_assets
from tidegate.orchestration.assets.owners import owners_of
from tidegate.orchestration.assets.raw import build_raw_assets, build_source_assets
from tidegate.orchestration.assets.serving import build_serving_assets
from tidegate.orchestration.instance.dagster_home import batch_events
from tidegate.orchestration.jobs import Layers, build_jobs
from tidegate.orchestration.own.loading import Trouble, with_own_definitions
from tidegate.orchestration.schedules import build_schedules
from tidegate.orchestration.sensors.alerting import build_alerting_sensor
from tidegate.orchestration.sensors.arrivals import build_arrival_sensor
from tidegate.orchestration.sensors.due_outputs import build_due_outputs_sensor
from tidegate.orchestration.sensors.due_partitions import build_due_sensor
from tidegate.orchestration.sensors.lineage import build_lineage_sensors
from tidegate.orchestration.sensors.run_keeper import build_run_keeper
from tidegate.settings import Settings, load_settings


def build_definitions(settings: Settings | None = None, home: Home | None = None) -> dg.Definitions:
    """The definitions of one home, this process's settings or those of a test, with the user's own."""
    home = home or Home(settings or load_settings())
    definitions, trouble = with_own_definitions(home, tidegates_definitions(home))
    if trouble:
        print(trouble.sentence, file=sys.stderr)
    return definitions


def trouble_with_own_definitions(home: Home) -> Trouble | None:
    """What is wrong with the user's own, if anything."""
    return with_own_definitions(home, tidegates_definitions(home))[1]


def tidegates_definitions(home: Home) -> dg.Definitions:
    batch_events(home.settings)
    # Checks per partition are what shows one bad day among thirty good ones; Dagster still calls them a preview.
    warnings.filterwarnings("ignore", category=dg.PreviewWarning)
    # A Monday may reach back to before the first day; how that is declared to Dagster may change, the lock does not.
    warnings.filterwarnings("ignore", message=".*allow_nonexistent_upstream_partitions", category=dg.BetaWarning)
    contracts = list(home.contracts.values())
    owners = owners_of(contracts)
    layers = Layers(
        raw=[build_raw_assets(home, contract) for contract in contracts],
        transform={cadence: build_dbt_assets(home, owners, cadence) for cadence in home.cadences},
        serving={cadence: build_serving_assets(home, owners, cadence) for cadence in home.cadences},
        outputs={cadence: build_output_assets(home, owners, cadence) for cadence in home.cadences},
    )
    return dg.Definitions(
        assets=[*build_source_assets(home), *layers.all],
        jobs=build_jobs(home, layers),
        sensors=[
            *(build_arrival_sensor(home, contract) for contract in contracts),
            *(build_due_sensor(home, cadence) for cadence in home.cadences),
            *(build_due_outputs_sensor(home, cadence) for cadence in home.cadences),
            build_run_keeper(home),
            build_alerting_sensor(home),
            *build_lineage_sensors(home),
        ],
        schedules=build_schedules(home),
        # One process a run: DuckDB brings the parallelism, and a process per step costs more than the work.
        executor=dg.in_process_executor,
        metadata=_metadata(home.settings),
    )


def _metadata(settings: Settings) -> dict[str, str]:
    """What machines compare before one runs what another asks for. On one machine there is nothing to compare."""
    if not settings.is_shared:
        return {}
    from tidegate.orchestration.instance.code_version import VERSION_METADATA, version_of

    return {VERSION_METADATA: version_of(settings)}
