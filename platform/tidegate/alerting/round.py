"""One round of alerting: look, enter what changed and what people are told, and send. For the sensor and for cron.

What is entered is entered in one transaction, before anything is sent, so a process that is killed loses nothing.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.alerting.channels.http import ChannelError, ping
from tidegate.alerting.channels.sender import value_of
from tidegate.alerting.config import Alerting
from tidegate.alerting.operations import Operations
from tidegate.alerting.people import People
from tidegate.alerting.ready import notices
from tidegate.alerting.routing import Switchboard
from tidegate.alerting.sending import send_waiting
from tidegate.alerting.trouble import Kind
from tidegate.alerting.watching import Sight, look
from tidegate.home import Home
from tidegate.lake.connect import Lake
from tidegate.lake.lease import EVERY_DAY, lease
from tidegate.ledger.alerts import AlertRecord, alerts_since, record_alerts
from tidegate.ledger.incidents import IncidentRecord, record_incidents
from tidegate.outputs.pages.clock import enter_what_is_overdue
from tidegate.publishing.calendar import bring_up_to_date

# Held for a round: two processes that alert at once would send everything twice.
ALERTING = "alerting"

# For all that is sent in a round: Dagster gives a sensor's tick 60 s, and one message may take 10.
SENDING_SECONDS = 30.0

# While one of these stands, the outside must not hear that all is well.
UNWELL = frozenset({Kind.daemon, Kind.sensor, Kind.alert})


@dataclass(frozen=True)
class Outcome:
    """What a round did."""

    sight: Sight
    sent: int
    heart: str

    @property
    def sentence(self) -> str:
        standing = len(self.sight.standing)
        return (
            f"{standing} open incident{'' if standing == 1 else 's'}, {self.sent} messages sent. {self.heart}".rstrip()
        )


def alerting_round(
    home: Home,
    lake: Lake,
    config: Alerting,
    operations: Operations,
    now: dt.datetime,
    kinds: Collection[Kind] = tuple(Kind),
    beats: bool = True,
) -> Outcome:
    """Look for these kinds at `now`, which has an offset. Raises LakeBusyError where another round goes on.

    `beats`: whether it is time to report outside that all works.
    """
    with lease(lake.config, ALERTING, [EVERY_DAY]):
        sight = look(home, lake, operations, now, config.severities, kinds)
        if sight.held is not None:
            bring_up_to_date(lake, home.products, sight.held)
            enter_what_is_overdue(lake, home.expected, now)
        switchboard = Switchboard(config, People.of(home), _naive(now), home.settings.zone)
        alerts = _alerts(lake.con, home, switchboard, sight)
        incidents = [each.incident for each in sight.transitions]
        if incidents or alerts:
            lake.unit_of_work(lambda con: _enter(con, incidents, alerts))
        ends = time.monotonic() + SENDING_SECONDS
        sent = send_waiting(lake, config, lambda: time.monotonic() > ends)
    return Outcome(sight, sent, _beat(config, sight) if beats else "")


def _enter(con: DuckDBPyConnection, incidents: Sequence[IncidentRecord], alerts: Sequence[AlertRecord]) -> None:
    record_incidents(con, incidents)
    record_alerts(con, alerts)


def _alerts(con: DuckDBPyConnection, home: Home, switchboard: Switchboard, sight: Sight) -> list[AlertRecord]:
    if not switchboard.config.channels:
        return []
    concerned = [*(each.incident for each in sight.transitions), *sight.standing]
    told = alerts_since(con, min((each.first_seen for each in concerned), default=switchboard.now))
    found = list(_about_incidents(switchboard, sight, told))
    return [*found, *notices(con, home, switchboard)]


def _about_incidents(switchboard: Switchboard, sight: Sight, told: Sequence[AlertRecord]) -> Iterator[AlertRecord]:
    changed: set[str] = set()
    for transition in sight.transitions:
        about = [each for each in told if each.subject == transition.incident.key]
        found = list(switchboard.alerts_for(transition, about))
        changed.update(each.subject for each in found)
        yield from found
    for incident in sight.standing:
        if incident.key not in changed:
            yield from switchboard.reminders(incident, [each for each in told if each.subject == incident.key])


def _beat(config: Alerting, sight: Sight) -> str:
    """Report outside that all works, unless something does not."""
    if config.heartbeat is None:
        return ""
    if any(incident.kind in UNWELL for incident in sight.standing):
        return "No heartbeat: what is to send it does not work."
    try:
        ping(value_of(config.heartbeat.url_variable))
    except ChannelError as error:
        return f"The heartbeat was not taken: {error}"
    return "Heartbeat sent."


def _naive(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC).replace(tzinfo=None)
