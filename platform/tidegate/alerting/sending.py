"""The outbox: alerts are entered with what they are about, sent, and marked after. At least once each.

Killed between sending and marking, an alert is sent again with the same id and dedup key. A channel that is down keeps
its alerts waiting, with growing pauses; when it is back it gets so many an hour, and the count of the others.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from duckdb import DuckDBPyConnection

from tidegate.alerting.channels.http import ChannelError
from tidegate.alerting.channels.sender import send
from tidegate.alerting.config import Alerting, Channel
from tidegate.alerting.message import Event, Message, digest_of, more_than_an_hour_takes
from tidegate.lake.connect import Lake
from tidegate.ledger.alerts import DROPPED, SENT, WAITING, AlertRecord, record_alerts, sent_since, waiting_alerts
from tidegate.ledger.entries import utc_now

FIRST_PAUSE = dt.timedelta(minutes=1)
LONGEST_PAUSE = dt.timedelta(hours=1)
ONE_HOUR = dt.timedelta(hours=1)

# What ends something at the receiver: held back, it would stay open there.
ALWAYS_SENT = (Event.acknowledge, Event.resolve)

Send = Callable[[Channel, Message, str], None]


def send_waiting(lake: Lake, config: Alerting, deadline: Callable[[], bool] = lambda: False, by: Send = send) -> int:
    """Send what waits and is due, the oldest first, until `deadline()`. Returns how many messages were sent.

    Whoever calls holds the right to send, so that no two processes send the same.
    """
    now = utc_now()
    waiting = [alert for alert in waiting_alerts(lake.con) if alert.not_before <= now]
    sent = 0
    for channel in dict.fromkeys(alert.channel for alert in waiting):
        of_channel = [alert for alert in waiting if alert.channel == channel]
        for message, alerts in _messages(lake.con, config, channel, of_channel, now):
            if deadline():
                return sent
            if not _send_one(lake, config, channel, message, alerts, by):
                # It is down: the others wait for it, too.
                break
            sent += 1
    return sent


def _messages(
    con: DuckDBPyConnection, config: Alerting, channel: str, alerts: Sequence[AlertRecord], now: dt.datetime
) -> Iterator[tuple[Message, list[AlertRecord]]]:
    """What is said to a channel now, each with the alerts that are done with it."""
    if channel not in config.channels:
        return
    gathered = [alert for alert in alerts if alert.alert_id.startswith("digest-")]
    if gathered:
        yield digest_of([Message.of_json(alert.message) for alert in gathered], config), gathered
    left = config.channels[channel].per_hour - _sent_within_the_hour(con, channel, now)
    at_once = [alert for alert in alerts if alert not in gathered]
    counted = [alert for alert in at_once if alert.event not in ALWAYS_SENT]
    kept = {alert.alert_id for alert in counted[: max(left, 0)]}
    for alert in at_once:
        if alert.event in ALWAYS_SENT or alert.alert_id in kept:
            yield Message.of_json(alert.message), [alert]
    rest = [alert for alert in counted if alert.alert_id not in kept]
    if rest and not _said_more(con, channel, now):
        yield more_than_an_hour_takes(len(rest), config), rest


def _send_one(
    lake: Lake, config: Alerting, channel: str, message: Message, alerts: list[AlertRecord], by: Send
) -> bool:
    try:
        by(config.channels[channel], message, alerts[0].alert_id)
    except ChannelError as error:
        failed = [_failed(alert, str(error)) for alert in alerts]
        lake.unit_of_work(lambda con: record_alerts(con, failed))
        return False
    state = DROPPED if message.event is Event.more else SENT
    now = utc_now()
    done = [replace(each, state=state, attempts=each.attempts + 1, error=None, done_at=now) for each in alerts]
    if message.event is Event.more:
        done.append(_more_record(alerts[0], message, now))
    lake.unit_of_work(lambda con: record_alerts(con, done))
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


def _sent_within_the_hour(con: DuckDBPyConnection, channel: str, now: dt.datetime) -> int:
    return sum(
        1
        for alert in sent_since(con, channel, now - ONE_HOUR)
        if alert.event not in ALWAYS_SENT and not alert.alert_id.startswith("digest-")
    )


def _said_more(con: DuckDBPyConnection, channel: str, now: dt.datetime) -> bool:
    return any(alert.event == Event.more for alert in sent_since(con, channel, now - ONE_HOUR))
