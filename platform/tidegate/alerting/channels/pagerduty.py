"""PagerDuty's Events API v2: trigger, acknowledge and resolve, told apart from other incidents by one dedup key."""

from __future__ import annotations

from typing import Any

from tidegate.alerting.channels.http import post_json
from tidegate.alerting.message import Event, Message

SEVERITIES = {"CRITICAL": "critical", "HIGH": "error", "MEDIUM": "warning", "LOW": "info"}

# PagerDuty refuses longer ones.
LONGEST_SUMMARY = 1024
LONGEST_DEDUP_KEY = 255


def pagerduty_body(key: str, message: Message) -> dict[str, Any]:
    """The event of a message: whatever is said of trouble triggers, which is one incident by its dedup key."""
    action = {Event.acknowledge: "acknowledge", Event.resolve: "resolve"}.get(message.event, "trigger")
    body: dict[str, Any] = {
        "routing_key": key,
        "event_action": action,
        "dedup_key": message.dedup_key[:LONGEST_DEDUP_KEY],
    }
    if action == "trigger":
        body["payload"] = {
            "summary": message.title[:LONGEST_SUMMARY],
            "source": message.dedup_key.partition("/")[0],
            "severity": SEVERITIES.get(message.severity, "info"),
            "custom_details": {"text": "\n".join(message.lines), **message.facts},
        }
        if message.link.startswith("http"):
            body["links"] = [{"href": message.link, "text": "What to do"}]
    return body


def send_to_pagerduty(address: str, key: str, message: Message) -> None:
    post_json(address, pagerduty_body(key, message))
