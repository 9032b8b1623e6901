"""Who is told of what, and when: from what changed to the alerts that are entered in the outbox. Pure."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tidegate.alerting.config import OWN, Alerting, Route
from tidegate.alerting.message import Event, Message, about
from tidegate.alerting.people import People
from tidegate.alerting.reconcile import Change, Transition
from tidegate.alerting.trouble import Severity
from tidegate.ledger.alerts import WAITING, AlertRecord
from tidegate.ledger.incidents import ACKNOWLEDGED, OPEN, SILENCED, IncidentRecord
from tidegate.window import ONE_DAY
from tidegate.zones import UTC, Zone

_EVENTS = {Change.opened: Event.trigger, Change.recurred: Event.trigger, Change.grown: Event.update}

# Alerts of one moment are sent in the order in which they were made.
_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Switchboard:
    """What alerts are made of: the file, whom it concerns, and the moment (UTC, naive)."""

    config: Alerting
    people: People
    now: dt.datetime
    zone: Zone = UTC

    def alerts_for(self, transition: Transition, told: Sequence[AlertRecord]) -> Iterator[AlertRecord]:
        """What a transition has people told. `told` are the alerts about the incident until now."""
        incident, change = transition.incident, transition.change
        if change is Change.resolved:
            yield from self._recovery(incident, told)
        elif change in _EVENTS and incident.state != SILENCED:
            # Whoever acknowledged it need not be told that there is more of the same.
            if change is Change.grown and incident.state == ACKNOWLEDGED:
                return
            if change is Change.grown and not self._is_news(incident, told):
                return
            yield from self._all(incident, _EVENTS[change], self._targets(incident))

    def reminders(self, incident: IncidentRecord, told: Sequence[AlertRecord]) -> Iterator[AlertRecord]:
        """What is due about an incident in which nothing changed: repeats, escalation, and that it is acknowledged."""
        current = [alert for alert in told if alert.entered_at >= incident.first_seen]
        if incident.state == ACKNOWLEDGED:
            yield from self._acknowledgement(incident, current)
        if incident.state == OPEN:
            yield from self._first_time(incident, current)
            yield from self._repeat(incident, current)
            yield from self._escalation(incident, current)

    def _recovery(self, incident: IncidentRecord, told: Sequence[AlertRecord]) -> Iterator[AlertRecord]:
        """For those who were told of the trouble, in the way they were."""
        current = [each for each in told if each.entered_at >= incident.first_seen]
        channels = {each.channel: _is_digest(each) for each in current if Event(each.event).tells_of_trouble}
        yield from self._all(incident, Event.resolve, channels)

    def _is_news(self, incident: IncidentRecord, told: Sequence[AlertRecord]) -> bool:
        """Whether it is more severe than what was told, or so long ago was told that it may be told again.

        A trouble that gets another day every few minutes must not send a message for each.
        """
        spoken = [each for each in told if Event(each.event).tells_of_trouble]
        if not spoken or spoken[-1].severity != incident.severity:
            return True
        return self.now - spoken[-1].entered_at >= self._pause(incident)

    def _first_time(self, incident: IncidentRecord, current: Sequence[AlertRecord]) -> Iterator[AlertRecord]:
        """For those who are to be told by now and were not: the hours of their route began, or the file changed."""
        told = {each.channel for each in current if Event(each.event).tells_of_trouble}
        fresh = {name: in_digest for name, in_digest in self._targets(incident).items() if name not in told}
        yield from self._all(incident, Event.trigger, fresh)

    def _repeat(self, incident: IncidentRecord, current: Sequence[AlertRecord]) -> Iterator[AlertRecord]:
        spoken = [each for each in current if Event(each.event).tells_of_trouble]
        if Severity(incident.severity) not in self.config.repeat_minutes or not spoken:
            return
        if self.now - spoken[-1].entered_at >= self._pause(incident):
            # A digest comes once a day, and has it already.
            at_once = {name: False for name, in_digest in self._targets(incident).items() if not in_digest}
            yield from self._all(incident, Event.repeat, at_once)

    def _escalation(self, incident: IncidentRecord, current: Sequence[AlertRecord]) -> Iterator[AlertRecord]:
        spoken = [each for each in current if Event(each.event).tells_of_trouble]
        for escalation in self.config.escalate:
            if Severity(incident.severity) not in escalation.severity or not spoken:
                continue
            told = {each.channel for each in current if each.event == Event.escalate}
            if self.now - spoken[0].entered_at >= dt.timedelta(minutes=escalation.after_minutes):
                fresh = [name for name in self._named(incident, escalation.to) if name not in told]
                yield from self._all(incident, Event.escalate, dict.fromkeys(fresh, False))

    def _acknowledgement(self, incident: IncidentRecord, current: Sequence[AlertRecord]) -> Iterator[AlertRecord]:
        newest: dict[str, AlertRecord] = {}
        for each in current:
            newest[each.channel] = each
        channels = [
            name
            for name, each in newest.items()
            if Event(each.event).tells_of_trouble and self._is_pager(name) and not _is_digest(each)
        ]
        yield from self._all(incident, Event.acknowledge, dict.fromkeys(channels, False))

    def _is_pager(self, channel: str) -> bool:
        return channel in self.config.channels and self.config.channels[channel].type in ("pagerduty", "webhook")

    def _pause(self, incident: IncidentRecord) -> dt.timedelta:
        minutes = self.config.repeat_minutes.get(Severity(incident.severity))
        return dt.timedelta(minutes=minutes) if minutes else ONE_DAY

    def _targets(self, incident: IncidentRecord) -> dict[str, bool]:
        """The channels that are told, and whether in the digest; who is told at once is not told there again."""
        found: dict[str, bool] = {}
        for route in self.config.routes:
            if self._fits(route, incident):
                for name in self._named(incident, route.to):
                    found[name] = found.get(name, True) and route.digest
        return found

    def _named(self, incident: IncidentRecord, names: Iterable[str]) -> list[str]:
        own = [name for name in self.people.channels(incident) if name in self.config.channels]
        found = [each for name in names for each in (own if name == OWN else [name])]
        return list(dict.fromkeys(found))

    def _fits(self, route: Route, incident: IncidentRecord) -> bool:
        return (
            (not route.products or bool(set(route.products).intersection(incident.products)))
            and (not route.owners or bool(set(route.owners) & self.people.owners(incident)))
            and (not route.sources or incident.source in route.sources)
            and (not route.kinds or incident.kind in route.kinds)
            and (not route.severity or incident.severity in route.severity)
            and (route.hours is None or route.hours.hold(self._clock(self.now).time()))
        )

    def _all(self, incident: IncidentRecord, event: Event, channels: Mapping[str, bool]) -> Iterator[AlertRecord]:
        message = about(incident, event, self.config)
        for channel, in_digest in channels.items():
            yield self.alert(channel, incident.key, message, self._not_before(incident, in_digest), in_digest)

    def alert(
        self, channel: str, subject: str, message: Message, not_before: dt.datetime, in_digest: bool = False
    ) -> AlertRecord:
        """An entry of the outbox."""
        return AlertRecord(
            alert_id=f"{'digest-' if in_digest else ''}{next(_NUMBERS):08d}-{uuid.uuid4().hex}",
            channel=channel,
            subject=subject,
            event=message.event,
            dedup_key=message.dedup_key,
            severity=message.severity,
            message=message.as_json(),
            state=WAITING,
            attempts=0,
            error=None,
            entered_at=self.now,
            not_before=not_before,
        )

    def _not_before(self, incident: IncidentRecord, in_digest: bool) -> dt.datetime:
        if in_digest:
            return self._next(self.config.digest_at)
        quiet = self.config.quiet_hours
        if quiet and quiet.hold(self._clock(self.now).time()) and not Severity(incident.severity).pages:
            return self._next(quiet.end)
        return self.now

    def _clock(self, moment: dt.datetime) -> dt.datetime:
        return self.zone.shown_at(moment.replace(tzinfo=dt.UTC))

    def _next(self, time: dt.time) -> dt.datetime:
        """When the platform's clock shows this time next, in UTC."""
        today = self._clock(self.now).date()
        candidates = (
            self.zone.at(day, time).replace(tzinfo=None) for day in (today, today + ONE_DAY, today + 2 * ONE_DAY)
        )
        return next(moment for moment in candidates if moment > self.now)


def _is_digest(alert: AlertRecord) -> bool:
    return alert.alert_id.startswith("digest-")
