"""Slack and Teams: a message with a colour."""

from __future__ import annotations

from typing import Any

from tidegate.alerting.channels.http import post_json
from tidegate.alerting.message import Event, Message

GREEN = "#2eb67d"
COLOURS = {"CRITICAL": "#b00020", "HIGH": "#e8590c", "MEDIUM": "#f2c037", "LOW": "#868e96"}

# Slack cuts a text block at 3,000 characters with an error.
LONGEST_TEXT = 2900


def slack_body(message: Message) -> dict[str, Any]:
    text = _escaped("\n".join(message.lines))[:LONGEST_TEXT]
    link = f"\n{_escaped(message.link)}" if message.link else ""
    return {
        "text": _escaped(message.title),
        "attachments": [{"color": _colour(message), "fallback": _escaped(message.title), "text": text + link}],
    }


def teams_body(message: Message) -> dict[str, Any]:
    """An adaptive card, as workflows of Teams take it."""
    blocks = [{"type": "TextBlock", "text": message.title, "weight": "bolder", "wrap": True}]
    blocks += [{"type": "TextBlock", "text": line, "wrap": True} for line in (*message.lines, message.link) if line]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "content": card}]}


def send_to_slack(url: str, message: Message) -> None:
    post_json(url, slack_body(message))


def send_to_teams(url: str, message: Message) -> None:
    post_json(url, teams_body(message))


def _colour(message: Message) -> str:
    return GREEN if message.event in (Event.resolve, Event.ready) else COLOURS.get(message.severity, GREEN)


def _escaped(text: str) -> str:
    """As Slack wants it: what a source or a model said must not become a link or a call to everybody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
