"""The outbox: alerts are entered with what they are about, sent, and marked after. At least once each.

Killed between sending and marking, an alert is sent again with the same id and dedup key. A channel that is down keeps
its alerts waiting, with growing pauses; when it is back it gets so many an hour, and the count of the others. What is
said of one incident arrives in order: nothing of it comes after its end, and no end of what was never told.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from duckdb import DuckDBPyConnection

from tidegate.alerting.channels.http import ChannelError
from tidegate.alerting.channels.sender import send
from tidegate.alerting.config import Alerting, Channel, Webhook
from tidegate.alerting.message import Event, Message, digest_of, more_than_an_hour_takes
from tidegate.lake.connect import Lake
from tidegate.ledger.alerts import (
    DROPPED,
    SENT,
    WAITING,
    AlertRecord,
    record_alerts,
    sent_since,
    sent_to,
    waiting_alerts,
)
from tidegate.ledger.entries import utc_now

FIRST_PAUSE = dt.timedelta(minutes=1)
LONGEST_PAUSE = dt.timedelta(hours=1)
ONE_HOUR = dt.timedelta(hours=1)

# What ends something at the receiver: held back, it would stay open there.
ENDS = (Event.acknowledge, Event.resolve)

Send = Callable[[Channel, Message, str], None]


@dataclass(frozen=True)
class _Sending:
    """A message, the alerts that are told with it, and those that need not be told after it. Without a message, the
    latter are only dropped."""

    message: Message | None
    told: Sequence[AlertRecord] = ()
    needless: Sequence[AlertRecord] = ()

    @property
    def about(self) -> Sequence[AlertRecord]:
        return self.told or self.needless


def send_waiting(lake: Lake, config: Alerting, deadline: Callable[[], bool] = lambda: False, by: Send = send) -> int:
    """Send what waits and is due, the oldest first, until `deadline()`. Returns how many messages were sent.

    Whoever calls holds the right to send, so that no two processes send the same.
    """
    now = utc_now()
    waiting = waiting_alerts(lake.con)
    sent = 0
    for channel in dict.fromkeys(alert.channel for alert in waiting):
        of_channel = [alert for alert in waiting if alert.channel == channel]
        for sending in _sendings(lake.con, config, channel, of_channel, now):
            if deadline():
                return sent
            if not _send_one(lake, config, channel, sending, by):
                # It is down: the others wait for it, too.
                break
            sent += sending.message is not None
    return sent


def _sendings(
    con: DuckDBPyConnection, config: Alerting, channel: str, waiting: Sequence[AlertRecord], now: dt.datetime
) -> Iterator[_Sending]:
    """What a channel is sent now, in order; asked for the next when the one before was taken."""
    to = config.channels.get(channel)
    if to is None:
        # Where the file has channels and not this one, somebody took it out.
        if config.channels:
            yield _Sending(None, needless=waiting)
        return
    gathered = [alert for alert in waiting if _is_in_digest(alert) and alert.not_before <= now]
    if gathered:
        yield _Sending(digest_of([Message.of_json(alert.message) for alert in gathered], config), gathered)
    yield from _at_once(con, config, channel, waiting, now)


def _at_once(
    con: DuckDBPyConnection, config: Alerting, channel: str, waiting: Sequence[AlertRecord], now: dt.datetime
) -> Iterator[_Sending]:
    to = config.channels[channel]
    due = [alert for alert in waiting if not _is_in_digest(alert) and alert.not_before <= now]
    left = to.per_hour - _sent_within_the_hour(con, to, channel, now)
    told = _told(con, channel, due)
    later = _by_subject(alert for alert in waiting if alert.not_before > now)
    rest: dict[str, list[AlertRecord]] = defaultdict(list)
    for alert in due:
        subject, message = alert.subject, Message.of_json(alert.message)
        older = [each for each in later[subject] if each.entered_at <= alert.entered_at]
        counts = _counts(to, alert)
        if (counts and left <= 0) or (alert.event in ENDS and subject not in told and rest[subject]):
            rest[subject].append(alert)
        elif alert.event not in ENDS:
            left -= counts
            yield _Sending(message, [alert], older)
            told.add(subject)
        elif subject in told:
            yield _Sending(message, [alert], [*older, *rest.pop(subject, ())])
        elif not older:
            yield _Sending(None, needless=[alert])
    yield from _counted(con, config, channel, [alert for alerts in rest.values() for alert in alerts], now)


def _counted(
    con: DuckDBPyConnection, config: Alerting, channel: str, rest: Sequence[AlertRecord], now: dt.datetime
) -> Iterator[_Sending]:
    """What the hour has no room for, in one message; once that was sent, the rest waits for the next hour."""
    count = sum(alert.event not in ENDS for alert in rest)
    if count and not _said_more(con, channel, now):
        yield _Sending(more_than_an_hour_takes(count, config), needless=rest)


def _told(con: DuckDBPyConnection, channel: str, due: Sequence[AlertRecord]) -> set[str]:
    """Of what is said to be over or looked after now, the subjects that the channel was told of and of no end since."""
    ended = {alert.subject for alert in due if alert.event in ENDS}
    found = sent_to(con, channel, ended) if ended else []
    newest = {each.subject: each.event for each in found if each.event in ENDS or Event(each.event).tells_of_trouble}
    return {subject for subject, event in newest.items() if event != Event.resolve}


def _by_subject(alerts: Iterable[AlertRecord]) -> dict[str, list[AlertRecord]]:
    found: dict[str, list[AlertRecord]] = defaultdict(list)
    for alert in alerts:
        found[alert.subject].append(alert)
    return found


def _is_in_digest(alert: AlertRecord) -> bool:
    return alert.alert_id.startswith("digest-")


def _counts(to: Channel, alert: AlertRecord) -> bool:
    """Whether it takes a place in the hour. That a partition is ready is news for each partition to a program."""
    return alert.event not in ENDS and not (alert.event == Event.ready and isinstance(to, Webhook))


def _send_one(lake: Lake, config: Alerting, channel: str, sending: _Sending, by: Send) -> bool:
    message, needless = sending.message, [replace(each, state=DROPPED, done_at=utc_now()) for each in sending.needless]
    if message is None:
        lake.unit_of_work(lambda con: record_alerts(con, needless))
        return True
    try:
        by(config.channels[channel], message, sending.about[0].alert_id)
    except ChannelError as error:
        failed = [_failed(alert, str(error)) for alert in sending.about]
        lake.unit_of_work(lambda con: record_alerts(con, failed))
        return False
    now = utc_now()
    done = [replace(each, state=SENT, attempts=each.attempts + 1, error=None, done_at=now) for each in sending.told]
    if message.event is Event.more:
        done.append(_more_record(sending.needless[0], message, now))
    lake.unit_of_work(lambda con: record_alerts(con, [*done, *needless]))
    return True


def _failed(alert: AlertRecord, error: str) -> AlertRecord:
    attempts = alert.attempts + 1
    pause = min(FIRST_PAUSE * (1 << min(attempts - 1, 10)), LONGEST_PAUSE)
    return replace(alert, state=WAITING, attempts=attempts, error=error, not_before=utc_now() + pause)


def _more_record(first: AlertRecord, message: Message, now: dt.datetime) -> AlertRecord:
    return replace(
        first,
        alert_id=f"more-{first.alert_id}",
        event=message.event,
        dedup_key=message.dedup_key,
        message=message.as_json(),
        state=SENT,
        attempts=1,
        error=None,
        entered_at=now,
        done_at=now,
    )


def _sent_within_the_hour(con: DuckDBPyConnection, to: Channel, channel: str, now: dt.datetime) -> int:
    sent = sent_since(con, channel, now - ONE_HOUR)
    return sum(_counts(to, alert) and not _is_in_digest(alert) for alert in sent)


def _said_more(con: DuckDBPyConnection, channel: str, now: dt.datetime) -> bool:
    return any(alert.event == Event.more for alert in sent_since(con, channel, now - ONE_HOUR))
