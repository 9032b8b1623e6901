"""Who is told of what, and when: of one incident once, then again as the file says, and when it is over."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from tidegate.alerting.config import Alerting
from tidegate.alerting.people import People
from tidegate.alerting.reconcile import Change, Transition
from tidegate.alerting.routing import Switchboard
from tidegate.ledger.alerts import AlertRecord
from tidegate.ledger.incidents import ACKNOWLEDGED, OPEN, SILENCED, IncidentRecord
from tidegate.zones import Zone

NOON = dt.datetime(2024, 3, 1, 12)  # noqa: DTZ001 - as the ledger keeps it
MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)
CHANNELS = {
    "#sales": {"type": "slack", "url_variable": "A"},
    "#orders": {"type": "slack", "url_variable": "B"},
    "pager": {"type": "pagerduty", "key_variable": "C"},
    "mail": {"type": "email", "smtp_variable": "D", "sender": "a@b.c", "to": ["a@b.c"]},
}
PEOPLE = People(
    {"sales": ["Sales platform", "s@b.c"]},
    {"orders": "shop"},
    {"sales": "#sales", "hr": "#unknown"},
    {"orders": "#orders"},
)


def incident(severity: str = "HIGH", state: str = OPEN, **fields: Any) -> IncidentRecord:
    made = IncidentRecord(
        "held/a", "held", ("sales",), "", (), severity, "It is held.", "Fix it.", state, NOON, NOON, 1
    )
    return replace(made, **fields)


def told(
    change: Change, of: IncidentRecord, at: dt.datetime = NOON, before: list[AlertRecord] | None = None, **config: Any
) -> list[AlertRecord]:
    board = Switchboard(Alerting.model_validate({"channels": CHANNELS, **config}), PEOPLE, at, Zone("UTC"))
    return list(board.alerts_for(Transition(change, of), before or []))


def reminded(of: IncidentRecord, at: dt.datetime, before: list[AlertRecord], **config: Any) -> list[tuple[str, str]]:
    board = Switchboard(Alerting.model_validate({"channels": CHANNELS, **config}), PEOPLE, at, Zone("UTC"))
    return [(each.event, each.channel) for each in board.reminders(of, before)]


def channels(alerts: list[AlertRecord]) -> list[str]:
    return [each.channel for each in alerts]


def test_without_routes_those_are_told_whom_product_and_source_name() -> None:
    (alert,) = told(Change.opened, incident())
    assert (alert.channel, alert.event, alert.not_before) == ("#sales", "trigger", NOON)
    assert channels(told(Change.opened, incident(source="orders"))) == ["#orders", "#sales"]
    # Trouble of the platform concerns everybody; what nobody reads is left out.
    assert channels(told(Change.opened, incident(products=()))) == ["#sales"]
    assert told(Change.opened, incident(products=("hr",))) == []


@pytest.mark.parametrize(
    ("route", "fits"),
    [
        ({"products": "sales"}, True),
        ({"products": ["hr"]}, False),
        ({"owners": "Sales platform"}, True),
        ({"owners": "shop"}, False),
        ({"sources": "orders"}, False),
        ({"severity": ["HIGH", "CRITICAL"]}, True),
        ({"severity": "LOW"}, False),
        ({"kinds": "held"}, True),
        ({"hours": "08:00-13:00"}, True),
        ({"hours": "13:00-08:00"}, False),
    ],
)
def test_a_route_fits_by_all_that_it_says(route: dict[str, Any], fits: bool) -> None:
    assert channels(told(Change.opened, incident(), routes=[{"to": "mail", **route}])) == (["mail"] if fits else [])


def test_what_is_not_severe_is_gathered_for_the_digest() -> None:
    (alert,) = told(Change.opened, incident("LOW"))
    assert alert.alert_id.startswith("digest-")
    assert alert.not_before == dt.datetime(2024, 3, 2, 9)  # noqa: DTZ001 - as the ledger keeps it
    # Who is told at once is not told there again.
    both = [{"to": "mail"}, {"to": "mail", "digest": True}]
    (alert,) = told(Change.opened, incident("LOW"), routes=both)
    assert not alert.alert_id.startswith("digest-")


def test_what_is_in_the_digest_is_not_repeated_there() -> None:
    config: dict[str, Any] = {
        "routes": [{"to": "mail", "digest": True}, {"to": "pager"}],
        "repeat_minutes": {"HIGH": 60},
    }
    before = told(Change.opened, incident(), **config)
    assert sorted(channels(before)) == ["mail", "pager"]
    assert reminded(incident(), NOON + 2 * HOUR, before, **config) == [("repeat", "pager")]


def test_quiet_hours_hold_back_what_is_not_severe() -> None:
    at_once: dict[str, Any] = {"routes": [{"to": "mail"}], "quiet_hours": "11:00-14:00"}
    (alert,) = told(Change.opened, incident("MEDIUM"), **at_once)
    assert alert.not_before == NOON + 2 * HOUR
    (alert,) = told(Change.opened, incident("HIGH"), **at_once)
    assert alert.not_before == NOON


def test_more_of_the_same_is_no_news_until_it_is_worse_or_long_ago() -> None:
    before = told(Change.opened, incident())
    assert told(Change.grown, incident(), NOON + MINUTE, before) == []
    assert channels(told(Change.grown, incident("CRITICAL"), NOON + MINUTE, before)) == ["#sales"]
    assert channels(told(Change.grown, incident(), NOON + 4 * HOUR, before)) == ["#sales"]
    assert told(Change.grown, incident("CRITICAL", ACKNOWLEDGED), NOON + MINUTE, before) == []
    assert told(Change.opened, incident("CRITICAL", SILENCED)) == []


def test_those_who_were_told_are_told_that_it_is_over() -> None:
    route: dict[str, Any] = {"routes": [{"to": ["pager", "mail"], "severity": "CRITICAL"}]}
    before = told(Change.opened, incident("CRITICAL"), **route)
    # It got less severe since, and would go to nobody now.
    over = told(Change.resolved, incident("LOW", last_seen=NOON + HOUR), NOON + HOUR, before, **route)
    assert [(each.channel, each.event) for each in over] == [("pager", "resolve"), ("mail", "resolve")]
    assert {each.dedup_key for each in (*before, *over)} == {"tidegate/held/a"}
    # Of what nobody was told, nobody hears the end.
    assert told(Change.resolved, incident(), NOON + HOUR, []) == []


def test_what_nobody_acknowledged_is_repeated_and_escalated() -> None:
    config: dict[str, Any] = {
        "routes": [{"to": "pager"}],
        "repeat_minutes": {"CRITICAL": 60},
        "escalate": [{"after_minutes": 30, "to": "mail"}],
    }
    of = incident("CRITICAL")
    before = told(Change.opened, of, **config)
    assert reminded(of, NOON + 29 * MINUTE, before, **config) == []
    assert reminded(of, NOON + 30 * MINUTE, before, **config) == [("escalate", "mail")]
    escalated = [*before, replace(before[0], event="escalate", channel="mail", entered_at=NOON + 30 * MINUTE)]
    assert reminded(of, NOON + 31 * MINUTE, escalated, **config) == []
    assert ("repeat", "pager") in reminded(of, NOON + 90 * MINUTE, escalated, **config)
    handled = replace(of, state=ACKNOWLEDGED)
    assert reminded(handled, NOON + 90 * MINUTE, escalated, **config) == [("acknowledge", "pager")]
    done = [*escalated, replace(before[0], event="acknowledge", entered_at=NOON + 91 * MINUTE)]
    assert reminded(handled, NOON + 92 * MINUTE, done, **config) == []
    assert reminded(replace(of, state=SILENCED), NOON + 92 * MINUTE, before, **config) == []
    # LOW is not repeated.
    assert reminded(incident("LOW"), NOON + 900 * HOUR, before, **config) == []


def test_who_could_not_be_told_at_first_is_told_when_the_hours_begin_or_the_file_names_them() -> None:
    office: dict[str, Any] = {"routes": [{"to": "mail", "hours": "13:00-17:00"}]}
    assert told(Change.opened, incident(), **office) == []
    assert reminded(incident(), NOON + 59 * MINUTE, [], **office) == []
    assert reminded(incident(), NOON + HOUR, [], **office) == [("trigger", "mail")]
    before = told(Change.opened, incident(), routes=[{"to": "mail"}])
    assert reminded(incident(), NOON + MINUTE, before, routes=[{"to": ["mail", "pager"]}]) == [("trigger", "pager")]
