"""Which module sends to a channel, with the address or token that the environment holds."""

from __future__ import annotations

import os

from tidegate.alerting.channels.chat import send_to_slack, send_to_teams
from tidegate.alerting.channels.email import send_mail
from tidegate.alerting.channels.http import ChannelError
from tidegate.alerting.channels.others import send_by_apprise, send_to_webhook
from tidegate.alerting.channels.pagerduty import send_to_pagerduty
from tidegate.alerting.config import Apprise, Channel, Email, PagerDuty, Slack, Teams, Webhook
from tidegate.alerting.message import Message


def send(channel: Channel, message: Message, alert_id: str) -> None:
    """Send one message. Raises ChannelError, which never holds what the environment does, whatever goes wrong: one
    channel must not keep the others from being told."""
    try:
        _send(channel, message, alert_id)
    except ChannelError:
        raise
    except Exception as error:  # noqa: BLE001 - of a library's own errors, too, the text may hold the address
        raise ChannelError(
            f"It cannot be sent so ({type(error).__name__}): see the address, and the token where there is one."
        ) from None


def _send(channel: Channel, message: Message, alert_id: str) -> None:
    match channel:
        case Slack():
            send_to_slack(value_of(channel.url_variable), message)
        case Teams():
            send_to_teams(value_of(channel.url_variable), message)
        case PagerDuty():
            send_to_pagerduty(channel.address, value_of(channel.key_variable), message)
        case Email():
            send_mail(value_of(channel.smtp_variable), channel.sender, channel.to, message, alert_id)
        case Webhook():
            token = value_of(channel.token_variable) if channel.token_variable else None
            send_to_webhook(value_of(channel.url_variable), token, message, alert_id)
        case Apprise():
            send_by_apprise(value_of(channel.url_variable), message)


def value_of(variable: str) -> str:
    value = os.environ.get(variable, "").strip()
    if not value:
        raise ChannelError(f"The environment variable {variable} is not set where this runs, the daemon included.")
    return value
