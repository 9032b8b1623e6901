"""The sensor that tells a receiver of OpenLineage of finished runs, where the settings name one."""

from __future__ import annotations

import dagster as dg

from tidegate.errors import LakeBusyError
from tidegate.home import Home
from tidegate.orchestration.names import LINEAGE
from tidegate.orchestration.sensors.ticks import hurried_lake, sensor_of_the_platform
from tidegate.provenance.openlineage.telling import tell_receiver


def build_lineage_sensors(home: Home) -> list[dg.SensorDefinition]:
    """None where nobody is told."""
    if not home.settings.openlineage:
        return []
    does = "Tells the receiver of OpenLineage of runs that the ledger has and that it was not told of."
    return [sensor_of_the_platform(home, LINEAGE, does, lambda _: tell_of_runs(home))]


def tell_of_runs(home: Home) -> dg.SensorResult:
    """One tick. A receiver that takes nothing fails it, which the daemon's log and the UI show."""
    try:
        with hurried_lake(home) as lake:
            told = tell_receiver(home, lake)
    except LakeBusyError:
        return dg.SensorResult(skip_reason="The lake is busy; runs are told of at the next tick.")
    return dg.SensorResult(skip_reason=f"Told of {told.runs} runs by {told.events} events.")
