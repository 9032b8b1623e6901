"""How a source answered lately, as Dagster's event log tells it: the memory of its circuit breaker.

Every step that asks a source observes on the asset `sources/<source>` whether it answered; a sensor that cannot look at
it does so too, and so does a person who closes its breaker (`contacts` makes the observations). A load that died leaves
no observation but a failed run. Nothing else is kept, so a breaker outlives whatever process looked at it. Its
arithmetic is in `breaker`. Dagster is not imported.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from tidegate.orchestration.history.breaker import Breaker, Contact, Outcome, Pace, breaker_after
from tidegate.orchestration.history.record import DagsterRecord, FinishedRun, Observation
from tidegate.orchestration.names import FAILURE, load_job

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
        return self.reported_open_until != moment_text(self.breaker.open_until)


def health_in(record: DagsterRecord, source: str, pace: Pace) -> Health:
    """What the record says of the source now."""
    observations = record.observations(source, CONTACTS_LOOKED_AT)
    observed = [each for each in observations if _text(each, OUTCOME) in _OUTCOMES]
    contacts = [_contact_of(each) for each in observed]
    good = max((each.at for each in contacts if each.outcome != "down"), default=None)
    deaths = _loads_that_died(record, source, good, {each.run_id for each in observed})
    newest = observed[0] if observed else None
    told = next((each for each in observations if OPEN_UNTIL in each.metadata), None)
    return Health(
        breaker_after([*contacts, *deaths], pace),
        listing_failed=bool(newest and _text(newest, OUTCOME) == "down" and newest.metadata[LISTING]),
        reported_open_until=_text(told, OPEN_UNTIL) if told else "",
    )


def troubled_sources(record: DagsterRecord, sources: Sequence[str], pace: Pace) -> dict[str, Breaker]:
    """The breakers of those sources that failed last."""
    breakers = {source: health_in(record, source, pace).breaker for source in sources}
    return {source: breaker for source, breaker in breakers.items() if breaker.failures}


def moment_text(moment: dt.datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""


def _loads_that_died(
    record: DagsterRecord, source: str, since: dt.datetime | None, observed: set[str]
) -> list[Contact]:
    """The failed loads that did not come to tell of their source: killed, out of time, or failed before it."""
    failed = record.finished_runs(since, load_job(source), [FAILURE], CONTACTS_LOOKED_AT)
    return [_death(run) for run in failed if run.run_id not in observed]


def _death(run: FinishedRun) -> Contact:
    return Contact(run.over_at, "down", f"run {run.run_id[:8]} died or failed; its log tells why.")


def _contact_of(observation: Observation) -> Contact:
    return Contact(observation.at, _OUTCOMES[_text(observation, OUTCOME)], _text(observation, ERROR))


def _text(observation: Observation, name: str) -> str:
    value = observation.metadata.get(name)
    return "" if value is None else str(value)
