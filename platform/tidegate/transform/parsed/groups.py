"""The dbt groups of a project, as far as Tidegate acts on them: who owns a product, and what is promised of it.

Pure: the content of a manifest.json goes in. What belongs to a product is for `products` to say.
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Mapping
from typing import Any

from tidegate import needs
from tidegate.publishing.promises import Owner, Promise
from tidegate.transform.parsed.nodes import Node, meta_of, refusal

KEYS = ("alert_channel", "deadline", *needs.NAMES)

# As Dagster, which shows owners, takes addresses.
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}")


def promises_of(manifest: Mapping[str, Any]) -> dict[str, Promise]:
    """What each group says, by its name. Raises TidegateError for one that cannot be held to its word."""
    return {group["name"]: _promise(group) for group in manifest.get("groups", {}).values()}


def _promise(group: Node) -> Promise:
    meta = meta_of(group)
    if not isinstance(meta, Mapping):
        raise refusal(group, f"has {meta!r} as meta.tidegate.", f"Write keys and values: {', '.join(KEYS)}")
    for key in meta:
        if key not in KEYS:
            alike = difflib.get_close_matches(str(key), KEYS, n=1)
            advice = f"Write {alike[0]}" if alike else f"Write one of {', '.join(KEYS)}, or put it outside of tidegate"
            raise refusal(group, f"has {key!r} under meta.tidegate, which means nothing to Tidegate.", advice)
    return Promise(
        _owner(group),
        _deadline(group, meta.get("deadline")),
        _channel(group, meta.get("alert_channel")),
        needs.together(_need(group, name, meta[name]) for name in needs.NAMES if meta.get(name) is not None),
    )


def _need(group: Node, name: str, written: object) -> needs.Needs:
    try:
        return needs.read_need(name, written)
    except needs.UnusableNeedError as error:
        advice = f"{error.instead[0].upper()}{error.instead[1:]}"
        raise refusal(group, f"has under {name} what cannot be used: {error.what}.", advice) from error


def _owner(group: Node) -> Owner:
    written = group["owner"].get("email") or []
    emails = [written] if isinstance(written, str) else written
    name = (group["owner"].get("name") or "").strip()
    if not name and not emails:
        advice = "Write `owner: {name: ..., email: ...}`, with at least one of the two"
        raise refusal(group, "has an owner without a name or an email address.", advice)
    for email in emails:
        if not _EMAIL.fullmatch(email):
            raise refusal(group, f"has the owner's email {email!r}, which is not an address.", "Correct it")
    return Owner(name or None, tuple(emails))


def _deadline(group: Node, written: object) -> dt.time | None:
    if written is None:
        return None
    try:
        return dt.datetime.strptime(str(written), "%H:%M").time()  # noqa: DTZ007  # a time of day
    except ValueError as error:
        # YAML 1.1 reads 10:30 without quotes as the number 630.
        advice = 'Write a time of the platform\'s clock, in quotes: deadline: "08:00"'
        raise refusal(group, f"has the deadline {written!r}, which is not a time of day.", advice) from error


def _channel(group: Node, written: object) -> str | None:
    if written is not None and (not isinstance(written, str) or not written.strip()):
        # A # that stands by itself begins a comment in YAML.
        advice = 'Write its name in quotes: alert_channel: "#sales"'
        raise refusal(group, f"has the alert channel {written!r}, which is not a name.", advice)
    return written
