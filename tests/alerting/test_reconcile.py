"""The same trouble is one incident: it opens once, grows, is over once, and comes back as itself."""

from __future__ import annotations

import datetime as dt

import pytest

from tidegate.alerting.reconcile import RECURS_WITHIN, SEEN_EVERY, Change, reconcile
from tidegate.alerting.trouble import Kind, Severity, Trouble
from tidegate.ledger.incidents import ACKNOWLEDGED, OPEN, RESOLVED, SILENCED, IncidentRecord

NOW = dt.datetime(2024, 3, 1, 3)  # noqa: DTZ001 - as the ledger keeps it
MINUTE, DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)
FIRST = dt.date(2024, 2, 1)


def held(days: int = 1, severity: Severity = Severity.medium, pending: int = 0) -> Trouble:
    of = [FIRST + DAY * i for i in range(days + pending)]
    return Trouble(
        Kind.held,
        "marts/a",
        "It is held.",
        "Fix it.",
        severity,
        ("sales",),
        "",
        frozenset(of[:days]),
        frozenset(of[days:]),
    )


class Known:
    """Incidents as the ledger knows them, from one reconciliation to the next."""

    def __init__(self) -> None:
        self.incidents: dict[str, IncidentRecord] = {}

    def see(self, *troubles: Trouble, at: dt.datetime = NOW, kinds: tuple[Kind, ...] = tuple(Kind)) -> list[Change]:
        transitions = reconcile(self.incidents, troubles, at, kinds)
        self.incidents |= {each.incident.key: each.incident for each in transitions}
        return [each.change for each in transitions]

    @property
    def one(self) -> IncidentRecord:
        (incident,) = self.incidents.values()
        return incident

    def say(self, state: str, until: dt.datetime | None = None) -> None:
        self.incidents[self.one.key] = IncidentRecord(
            **{**vars(self.one), "state": state, "handled_by": "ada", "until": until}
        )


@pytest.fixture
def known() -> Known:
    return Known()


def test_the_same_trouble_on_forty_days_is_one_incident(known: Known) -> None:
    assert known.see(held(40)) == [Change.opened]
    assert len(known.one.partitions) == 40
    assert known.see(held(40)) == []
    assert known.see(held(41)) == [Change.grown]
    assert known.see(held(20)) == [Change.seen]
    assert known.see() == [Change.resolved]
    assert (known.one.state, known.see()) == (RESOLVED, [])


def test_what_lasts_is_entered_once_an_hour_and_no_more(known: Known) -> None:
    known.see(held())
    assert known.see(held(), at=NOW + SEEN_EVERY - MINUTE) == []
    assert known.see(held(), at=NOW + SEEN_EVERY) == [Change.seen]
    assert (known.one.first_seen, known.one.last_seen) == (NOW, NOW + SEEN_EVERY)


def test_an_incident_that_comes_back_is_the_same_and_critical_the_third_time(known: Known) -> None:
    known.see(held())
    seen = []
    for hour in range(1, 3):
        known.see(at=NOW + hour * DAY)
        seen += known.see(held(), at=NOW + hour * DAY + MINUTE)
    assert seen == [Change.recurred, Change.recurred]
    assert (known.one.occurrences, known.one.severity) == (3, Severity.critical)
    # Long after, it is another.
    known.see(at=NOW + 5 * DAY)
    assert known.see(held(), at=NOW + 5 * DAY + RECURS_WITHIN + MINUTE) == [Change.opened]
    assert (known.one.occurrences, known.one.severity) == (1, Severity.medium)


def test_partitions_that_are_worked_on_open_nothing_and_resolve_nothing(known: Known) -> None:
    assert known.see(held(0, pending=2)) == []
    known.see(held(2))
    assert known.see(held(0, pending=2)) == []
    assert known.see(held(1, pending=3)) == []
    assert len(known.one.partitions) == 2


def test_kinds_that_were_not_looked_for_stay_as_they_are(known: Known) -> None:
    known.see(held())
    assert known.see(kinds=(Kind.disk,)) == []
    assert known.see(kinds=(Kind.held,)) == [Change.resolved]


def test_an_acknowledged_incident_stays_so_until_it_is_worse(known: Known) -> None:
    known.see(held())
    known.say(ACKNOWLEDGED)
    assert known.see(held(5)) == [Change.grown]
    assert known.one.state == ACKNOWLEDGED
    assert known.see(held(5, Severity.critical)) == [Change.grown]
    assert (known.one.state, known.one.handled_by) == (OPEN, None)


def test_a_silence_holds_until_its_end_whatever_comes(known: Known) -> None:
    known.see(held())
    known.say(SILENCED, until=NOW + DAY)
    known.see(held(5, Severity.critical), at=NOW + MINUTE)
    assert known.one.state == SILENCED
    assert known.see(held(5), at=NOW + DAY) == [Change.grown]
    assert (known.one.state, known.one.until) == (OPEN, None)
