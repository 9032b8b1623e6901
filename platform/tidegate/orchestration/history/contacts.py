"""What is entered into Dagster's event log when a source was asked, its breaker changed, or a person closed it.

What follows from it is in `health`.
"""

from __future__ import annotations

import datetime as dt

import dagster as dg
from dagster import DagsterInstance

from tidegate.machine.processes import person
from tidegate.orchestration.asset_keys import source_key
from tidegate.orchestration.history.breaker import Breaker, Pace
from tidegate.orchestration.history.health import ERROR, LISTING, OPEN_UNTIL, OUTCOME, Health, health_in, moment_text
from tidegate.orchestration.history.instance_record import InstanceRecord


def contact(source: str, error: str | None, listing: bool = False) -> dg.AssetObservation:
    """That the source was asked: it answered, or did not with `error`. `listing`: by a sensor, for what is there."""
    metadata: dict[str, str | bool] = {OUTCOME: "down" if error else "up", ERROR: error or "", LISTING: listing}
    return dg.AssetObservation(source_key(source), metadata=metadata, description=error)


def breaker_observation(source: str, breaker: Breaker, now: dt.datetime) -> dg.AssetObservation:
    """The breaker's state, for those who look at the source in the UI."""
    state = "open" if breaker.open_until else "closed"
    metadata: dict[str, str | int] = {
        "breaker": state,
        "failures": breaker.failures,
        OPEN_UNTIL: moment_text(breaker.open_until),
    }
    return dg.AssetObservation(source_key(source), metadata=metadata, description=breaker.sentence(source, now))


def close_breaker(instance: DagsterInstance, source: str) -> None:
    """Enter that a person closed the source's breaker."""
    who = f"Closed by {person()}."
    instance.report_runless_asset_event(
        dg.AssetObservation(
            source_key(source), metadata={OUTCOME: "closed", "breaker": "closed", OPEN_UNTIL: ""}, description=who
        )
    )


def health_of(instance: DagsterInstance, source: str, pace: Pace) -> Health:
    """What the event log says of the source now."""
    return health_in(InstanceRecord(instance), source, pace)
