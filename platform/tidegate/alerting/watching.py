"""One look at a home: what is wrong now, against the incidents that the ledger knows; and what people say of one.

Looking changes nothing. Entering what changed is one transaction.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from duckdb import DuckDBPyConnection

from tidegate.alerting.finding import find_troubles
from tidegate.alerting.operations import Operations
from tidegate.alerting.reconcile import Transition, reconcile
from tidegate.alerting.scene import Scene
from tidegate.alerting.severities import Severities
from tidegate.alerting.trouble import Kind, Severity
from tidegate.errors import TidegateError
from tidegate.home import Home
from tidegate.lake.connect import Lake
from tidegate.ledger.entries import utc_now
from tidegate.ledger.in_memory import ledger_in_memory
from tidegate.ledger.incidents import (
    ACKNOWLEDGED,
    SILENCED,
    IncidentRecord,
    newest_incidents,
    record_incidents,
)
from tidegate.publishing.calendar import HeldOf

# Kinds that are looked for in all of the ledger: where it has not changed, they have not either, but by the clock.
ASKS_MUCH = frozenset(
    {
        Kind.held,
        Kind.rejected,
        Kind.late,
        Kind.overdue,
        Kind.not_healing,
        Kind.quarantine,
        Kind.warning,
        Kind.older_logic,
        Kind.maintenance,
    }
)


@dataclass(frozen=True)
class Sight:
    """What a look found: incidents as they are now by key, resolved ones among them, and what changed."""

    incidents: Mapping[str, IncidentRecord]
    transitions: Sequence[Transition]
    # Of each product, what is held; None where nobody looked.
    held: HeldOf | None = None

    @property
    def standing(self) -> list[IncidentRecord]:
        """Those that are not over, the most severe and the newest first."""
        return in_order(incident for incident in self.incidents.values() if not incident.is_over)


def look(
    home: Home,
    lake: Lake,
    operations: Operations,
    now: dt.datetime,
    severities: Severities | None = None,
    kinds: Collection[Kind] = tuple(Kind),
) -> Sight:
    """Look for trouble of these kinds at `now`, which has an offset."""
    severities = severities or Severities()
    # What asks the ledger much asks a copy of it.
    reading = ledger_in_memory(lake) if ASKS_MUCH.intersection(kinds) else lake.one_moment()
    with reading as con:
        scene = Scene(home, con, operations, now, severities)
        troubles = find_troubles(scene, kinds)
        held = scene.held() if Kind.held in kinds else None
        known = newest_incidents(con)
    moment = now.astimezone(dt.UTC).replace(tzinfo=None)
    transitions = reconcile(known, troubles, moment, kinds, severities.critical_at)
    return Sight({**known, **{each.incident.key: each.incident for each in transitions}}, transitions, held)


def in_order(incidents: Iterable[IncidentRecord]) -> list[IncidentRecord]:
    """The most severe first, and of these the newest."""
    newest = sorted(incidents, key=lambda each: each.first_seen, reverse=True)
    return sorted(newest, key=lambda each: Severity(each.severity).rank, reverse=True)


def acknowledge(con: DuckDBPyConnection, key: str, who: str, reason: str | None = None) -> IncidentRecord:
    """Enter that somebody looks after the incident. Raises TidegateError where none such stands."""
    return _handled(con, key, ACKNOWLEDGED, who, reason, None)


def silence(con: DuckDBPyConnection, key: str, who: str, until: dt.datetime, reason: str | None) -> IncidentRecord:
    """Enter that nobody is to be told of the incident until then (UTC, naive)."""
    return _handled(con, key, SILENCED, who, reason, until)


def _handled(
    con: DuckDBPyConnection, key: str, state: str, who: str, reason: str | None, until: dt.datetime | None
) -> IncidentRecord:
    known = standing_incident(con, key)
    changed = replace(known, state=state, handled_by=who, reason=reason, until=until, last_seen=utc_now())
    record_incidents(con, [changed])
    return changed


def stands(con: DuckDBPyConnection, key: str) -> bool:
    """Whether the incident of this key was entered and is not over."""
    found = newest_incidents(con).get(key)
    return found is not None and not found.is_over


def standing_incident(con: DuckDBPyConnection, key: str) -> IncidentRecord:
    """The incident of this key. Raises TidegateError where it was never entered, or is over."""
    found = newest_incidents(con).get(key)
    if found is None or found.is_over:
        over = f" It was resolved at {found.last_seen:%Y-%m-%d %H:%M:%S} UTC." if found else ""
        raise TidegateError(
            f"There is no open incident {key}.{over} Nothing was changed. Those that are open: tidegate incidents list"
        )
    return found
