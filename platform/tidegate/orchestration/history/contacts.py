"""What happened when a source was asked, as Dagster's event log tells it: the memory of its circuit breaker.

Every step that asks a source observes on the asset `sources/<source>` whether it answered; a sensor that cannot look at
it does so too, and so does a person who closes its breaker. A load that died leaves no observation but a failed run.
Nothing else is kept, so a breaker outlives whatever process looked at it. Its arithmetic is in `breaker`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg
from dagster import DagsterInstance, DagsterRunStatus, EventLogRecord, RunRecord, RunsFilter

from tidegate.machine.processes import person
from tidegate.orchestration.history.breaker import Breaker, Contact, Outcome, Pace, breaker_after
from tidegate.orchestration.history.recent_runs import end_of
from tidegate.orchestration.names import load_job, source_key

# Beyond these a breaker's pauses are at their longest anyway.
CONTACTS_LOOKED_AT = 60

OUTCOME = "tidegate/outcome"
ERROR = "tidegate/error"
LISTING = "tidegate/listing"
OPEN_UNTIL = "tidegate/breaker_open_until"

_OUTCOMES: dict[str, Outcome] = {"up": "up", "down": "down", "closed": "closed"}


@dataclass(frozen=True)
class Health:
    """A source's breaker, and what was reported of it last.

    `listing_failed`: the newest contact is a sensor that could not look. `reported_open_until`: the pause that was last
    reported to the event log, "" for none.
    """

    breaker: Breaker
    listing_failed: bool = False
    reported_open_until: str = ""

    @property
    def unreported(self) -> bool:
        """Whether the breaker opened, opened again or closed since that was last reported."""
        return self.reported_open_until != _moment(self.breaker.open_until)


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
        OPEN_UNTIL: _moment(breaker.open_until),
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
    records = instance.fetch_observations(source_key(source), limit=CONTACTS_LOOKED_AT).records
    observed = [record for record in records if _text(record, OUTCOME) in _OUTCOMES]
    contacts = [_contact_of(record) for record in observed]
    good = max((each.at for each in contacts if each.outcome != "down"), default=None)
    deaths = _loads_that_died(instance, source, good, {record.run_id for record in observed})
    newest = observed[0] if observed else None
    told = next((record for record in records if OPEN_UNTIL in _metadata(record)), None)
    return Health(
        breaker_after([*contacts, *deaths], pace),
        listing_failed=bool(newest and _text(newest, OUTCOME) == "down" and _metadata(newest)[LISTING].value),
        reported_open_until=_text(told, OPEN_UNTIL) if told else "",
    )


def _loads_that_died(
    instance: DagsterInstance, source: str, since: dt.datetime | None, observed: set[str]
) -> list[Contact]:
    """The failed loads that did not come to tell of their source: killed, out of time, or failed before it."""
    wanted = RunsFilter(job_name=load_job(source), statuses=[DagsterRunStatus.FAILURE], updated_after=since)
    failed = instance.get_run_records(wanted, limit=CONTACTS_LOOKED_AT)
    return [_death(record) for record in failed if record.dagster_run.run_id not in observed]


def _death(record: RunRecord) -> Contact:
    return Contact(end_of(record), "down", f"run {record.dagster_run.run_id[:8]} died or failed; its log tells why.")


def _contact_of(record: EventLogRecord) -> Contact:
    at = dt.datetime.fromtimestamp(record.timestamp, dt.UTC)
    return Contact(at, _OUTCOMES[_text(record, OUTCOME)], _text(record, ERROR))


def _metadata(record: EventLogRecord) -> dict[str, dg.MetadataValue]:
    observation = record.asset_observation
    return dict(observation.metadata) if observation else {}


def _text(record: EventLogRecord, name: str) -> str:
    value = _metadata(record).get(name)
    return str(value.value) if value is not None else ""


def _moment(moment: dt.datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""


def troubled_sources(instance: DagsterInstance, sources: Sequence[str], pace: Pace) -> dict[str, Breaker]:
    """The breakers of those sources that failed last."""
    breakers = {source: health_of(instance, source, pace).breaker for source in sources}
    return {source: breaker for source, breaker in breakers.items() if breaker.failures}
