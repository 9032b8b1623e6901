"""The sensor that tells people what is wrong, and when it is over.

It looks at what runs the platform at every tick, and at all of the ledger where that changed, or some minutes passed.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Self

import dagster as dg
from dagster import DagsterInstance

from tidegate.alerting.config import load_alerting
from tidegate.alerting.find_platform import SILENCE
from tidegate.alerting.reconcile import Change, Transition
from tidegate.alerting.round import alerting_round
from tidegate.alerting.trouble import Kind
from tidegate.alerting.watching import ASKS_MUCH
from tidegate.errors import LakeBusyError
from tidegate.home import Home
from tidegate.lake.connect import Lake
from tidegate.orchestration.asset_keys import serving_key, source_key
from tidegate.orchestration.history.instance_record import InstanceRecord
from tidegate.orchestration.history.operations import operations_in
from tidegate.orchestration.names import ALERTING
from tidegate.orchestration.sensors.ticks import hurried_lake, sensor_of_the_platform

# Looking at all of a ledger of years takes seconds of CPU, and during a backfill it changes all the time.
BETWEEN_FULL_LOOKS = dt.timedelta(minutes=1)

# Deadlines pass without a change of the ledger.
LONGEST_WITHOUT_A_FULL_LOOK = dt.timedelta(minutes=5)


@dataclass(frozen=True)
class Memory:
    """What a tick remembers for the next: when there was one, since when without a long break, up to which snapshot of
    the lake all was looked at and when, and when the last heartbeat went out."""

    ticked_at: dt.datetime | None = None
    awake_since: dt.datetime | None = None
    snapshot: int = -1
    looked_at: dt.datetime | None = None
    beat_at: dt.datetime | None = None

    @classmethod
    def read(cls, cursor: str | None, now: dt.datetime) -> Self:
        values = json.loads(cursor) if cursor else {}
        moments = {name: dt.datetime.fromisoformat(text) for name, text in values.items() if isinstance(text, str)}
        memory = cls(**moments, snapshot=values.get("snapshot", -1))
        is_awake = memory.ticked_at is not None and now - memory.ticked_at <= SILENCE
        return replace(memory, ticked_at=now, awake_since=memory.awake_since if is_awake else now)

    def cursor(self) -> str:
        values = {name: value for name, value in vars(self).items() if value is not None}
        return json.dumps(
            {name: value if isinstance(value, int) else value.isoformat() for name, value in values.items()}
        )

    def kinds(self, snapshot: int, now: dt.datetime) -> Collection[Kind]:
        """What is to be looked for now."""
        since = now - self.looked_at if self.looked_at else LONGEST_WITHOUT_A_FULL_LOOK
        is_full = since >= LONGEST_WITHOUT_A_FULL_LOOK or (snapshot != self.snapshot and since >= BETWEEN_FULL_LOOKS)
        return tuple(Kind) if is_full else [kind for kind in Kind if kind not in ASKS_MUCH]


def build_alerting_sensor(home: Home) -> dg.SensorDefinition:
    def alerting(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        return tell_of_trouble(home, context.instance, context.cursor, dt.datetime.now(dt.UTC))

    does = "Enters what is wrong in ops.incidents, and tells those whom alerting.yml names."
    return sensor_of_the_platform(home, ALERTING, does, alerting)


def tell_of_trouble(home: Home, instance: DagsterInstance, cursor: str | None, now: dt.datetime) -> dg.SensorResult:
    """One tick at `now` (UTC). A file that does not work fails it, which the daemon's log and the UI show."""
    config = load_alerting(home.settings.alerting)
    memory = Memory.read(cursor, now)
    operations = operations_in(InstanceRecord(instance), home, now, memory.awake_since)
    every = dt.timedelta(minutes=config.heartbeat.every_minutes) if config.heartbeat else None
    beats = every is not None and (memory.beat_at is None or now - memory.beat_at >= every)
    with hurried_lake(home) as lake:
        snapshot = _newest_snapshot(lake)
        kinds = memory.kinds(snapshot, now)
        try:
            outcome = alerting_round(home, lake, config, operations, now, kinds, beats)
        except LakeBusyError:
            return dg.SensorResult(skip_reason="The lake is busy; this is looked at at the next tick.", cursor=cursor)
    if Kind.held in kinds:
        memory = replace(memory, snapshot=snapshot, looked_at=now)
    if beats:
        memory = replace(memory, beat_at=now)
    events = [event for each in outcome.sight.transitions for event in _observations(home, each)]
    return dg.SensorResult(skip_reason=outcome.sentence, cursor=memory.cursor(), asset_events=events)


def _observations(home: Home, transition: Transition) -> Iterator[dg.AssetObservation]:
    """What the pages of assets in the UI show of an incident: of its source, or else of the marts of its products."""
    incident = transition.incident
    if transition.change is Change.seen:
        return
    marts = [mart.name for product in home.products if product.product in incident.products for mart in product.marts]
    keys = [source_key(incident.source)] if incident.source else [serving_key(name) for name in marts]
    metadata: dict[str, str | int] = {
        "incident": incident.key,
        "severity": incident.severity,
        "state": incident.state,
        "partitions": len(incident.partitions),
        "what to do": incident.what_to_do,
    }
    for key in keys:
        yield dg.AssetObservation(key, description=f"{transition.change}: {incident.sentence}", metadata=metadata)


def _newest_snapshot(lake: Lake) -> int:
    row = lake.con.execute("select max(snapshot_id) from lake.snapshots()").fetchone()
    return int(row[0]) if row else -1
