"""A webhook of anybody's, and the services that apprise knows."""

from __future__ import annotations

import logging
from typing import Any

from tidegate.alerting.channels.http import ChannelError, post_json
from tidegate.alerting.message import Event, Message


def webhook_body(message: Message, alert_id: str) -> dict[str, Any]:
    return {
        "id": alert_id,
        "event": message.event,
        "dedup_key": message.dedup_key,
        "severity": message.severity,
        "title": message.title,
        "lines": list(message.lines),
        "link": message.link,
        **message.facts,
    }


def send_to_webhook(url: str, token: str | None, message: Message, alert_id: str) -> None:
    """Send it with the same key each time, by which the receiver knows what it has already."""
    headers = {"Idempotency-Key": alert_id, **({"Authorization": f"Bearer {token}"} if token else {})}
    post_json(url, webhook_body(message, alert_id), headers)


def send_by_apprise(url: str, message: Message) -> None:
    """Send by the service whose URL it is. Raises ChannelError, also where apprise is not installed."""
    try:
        # Heavy: it knows some 170 services.
        from apprise import Apprise, NotifyType
    except ImportError as error:
        raise ChannelError("apprise is not installed. Install it: pip install 'tidegate[alerts]'") from error
    # Its own messages repeat addresses.
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    service = Apprise()
    if not service.add(url):
        raise ChannelError("The variable holds no URL that apprise knows.")
    kind = NotifyType.SUCCESS if message.event in (Event.resolve, Event.ready) else NotifyType.FAILURE
    body = "\n".join((*message.lines, message.link))
    if not service.notify(title=message.title, body=body, notify_type=kind):
        raise ChannelError("apprise could not send it.")
