"""What changed: the incidents that are known against the troubles that are there now. Pure.

The same trouble is one incident however many partitions it has, and however often it is looked at.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from tidegate.alerting.severities import CRITICAL_AT
from tidegate.alerting.trouble import Kind, Severity, Trouble
from tidegate.ledger.incidents import ACKNOWLEDGED, OPEN, RESOLVED, SILENCED, IncidentRecord

# An incident that comes back within these days is the same one, opened once more.
RECURS_WITHIN = dt.timedelta(days=7)

# How often the ledger gets an entry for what only lasts: each is a commit of the lake.
SEEN_EVERY = dt.timedelta(hours=1)


class Change(StrEnum):
    opened = "opened"
    recurred = "recurred"
    # More partitions, or a higher severity, or its silence is over.
    grown = "grown"
    resolved = "resolved"
    # Nothing that anybody is told of: it lasts, or has fewer partitions.
    seen = "seen"


@dataclass(frozen=True)
class Transition:
    change: Change
    incident: IncidentRecord


def reconcile(
    known: Mapping[str, IncidentRecord],
    troubles: Iterable[Trouble],
    now: dt.datetime,
    looked_for: Collection[Kind] = tuple(Kind),
    critical_at: int = CRITICAL_AT,
) -> list[Transition]:
    """The transitions at `now` (UTC, naive). Incidents of kinds that were not looked for stay as they are."""
    found = {trouble.key: trouble for trouble in troubles}
    changed = [_step(known.get(key), trouble, now, critical_at) for key, trouble in sorted(found.items())]
    over = [
        Transition(Change.resolved, replace(incident, state=RESOLVED, last_seen=now))
        for key, incident in sorted(known.items())
        if not incident.is_over and key not in found and incident.kind in looked_for
    ]
    return [each for each in changed if each] + over


def _step(known: IncidentRecord | None, trouble: Trouble, now: dt.datetime, critical_at: int) -> Transition | None:
    if known is None or known.is_over:
        return _opened(known, trouble, now, critical_at) if trouble.opens else None
    partitions = trouble.partitions | trouble.pending.intersection(known.partitions)
    incident = replace(
        known,
        partitions=tuple(sorted(partitions)),
        products=trouble.products,
        sentence=trouble.sentence,
        what_to_do=trouble.what_to_do,
        severity=_severity(trouble, known.occurrences, critical_at),
        last_seen=now,
    )
    if known.state == SILENCED and known.until is not None and known.until <= now:
        return Transition(Change.grown, replace(incident, state=OPEN, handled_by=None, until=None))
    if not partitions <= set(known.partitions) or _is_worse(incident, known):
        return Transition(Change.grown, _back_in_sight(incident, known))
    is_other = incident.partitions != known.partitions or incident.severity != known.severity
    if is_other or now - known.last_seen >= SEEN_EVERY:
        return Transition(Change.seen, incident)
    return None


def _opened(known: IncidentRecord | None, trouble: Trouble, now: dt.datetime, critical_at: int) -> Transition:
    recurs = known is not None and now - known.last_seen <= RECURS_WITHIN
    occurrences = known.occurrences + 1 if known and recurs else 1
    incident = IncidentRecord(
        key=trouble.key,
        kind=str(trouble.kind),
        products=trouble.products,
        source=trouble.source,
        partitions=tuple(sorted(trouble.partitions)),
        severity=_severity(trouble, occurrences, critical_at),
        sentence=trouble.sentence,
        what_to_do=trouble.what_to_do,
        state=OPEN,
        first_seen=now,
        last_seen=now,
        occurrences=occurrences,
    )
    return Transition(Change.recurred if recurs else Change.opened, incident)


def _severity(trouble: Trouble, occurrences: int, critical_at: int) -> str:
    """A plain text, as the ledger gives it back: Dagster takes no enum of ours."""
    return str(Severity.critical if occurrences >= critical_at else trouble.severity)


def _is_worse(incident: IncidentRecord, known: IncidentRecord) -> bool:
    return Severity(incident.severity).rank > Severity(known.severity).rank


def _back_in_sight(incident: IncidentRecord, known: IncidentRecord) -> IncidentRecord:
    """Whoever acknowledged it knew of a lesser one; a silence holds until it ends."""
    if known.state == ACKNOWLEDGED and _is_worse(incident, known):
        return replace(incident, state=OPEN, handled_by=None)
    return incident
