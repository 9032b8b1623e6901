"""`ops.alerts`: the outbox of what people are told. The newest entry of an alert counts.

It is entered before it is sent, and marked after. One that was entered and not marked is sent again,
with the same dedup key. Sending belongs to `alerting`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal
from tidegate.ledger.entries import insert_entries, read_entries

WAITING, SENT, DROPPED = "waiting", "sent", "dropped"


@dataclass(frozen=True)
class AlertRecord:
    """One row of `ops.alerts`. Moments are UTC, naive."""

    alert_id: str
    channel: str
    subject: str
    event: str
    dedup_key: str
    severity: str
    message: str
    state: str
    attempts: int
    error: str | None
    entered_at: dt.datetime
    not_before: dt.datetime
    done_at: dt.datetime | None = None


def record_alerts(con: DuckDBPyConnection, rows: Sequence[AlertRecord]) -> None:
    """Enter alerts, or how they are now."""
    insert_entries(con, "alerts", rows)


def waiting_alerts(con: DuckDBPyConnection) -> list[AlertRecord]:
    """Those that are not sent yet, the oldest first."""
    done = f"select alert_id from ops.alerts where state <> {literal(WAITING)}"
    return _newest(con, f"alert_id not in ({done})")


def alerts_since(con: DuckDBPyConnection, since: dt.datetime) -> list[AlertRecord]:
    """Those that were entered at `since` (UTC, naive) or later, the oldest first."""
    return _newest(con, f"entered_at >= {literal(since)}")


def sent_since(con: DuckDBPyConnection, channel: str, since: dt.datetime) -> list[AlertRecord]:
    """What a channel took at `since` (UTC, naive) or later."""
    return _newest(con, f"channel = {literal(channel)} and state = {literal(SENT)} and done_at >= {literal(since)}")


def sent_to(con: DuckDBPyConnection, channel: str, subjects: Collection[str]) -> list[AlertRecord]:
    """What a channel took of these incidents or notices, the oldest first."""
    of_them = f"list_contains({literal(sorted(subjects))}::varchar[], subject)"
    return _newest(con, f"channel = {literal(channel)} and state = {literal(SENT)} and {of_them}")


def alerts_about(con: DuckDBPyConnection, subject: str) -> list[AlertRecord]:
    """Those of one incident or notice, the oldest first."""
    return _newest(con, f"subject = {literal(subject)}")


def _newest(con: DuckDBPyConnection, condition: str) -> list[AlertRecord]:
    found = read_entries(con, AlertRecord, "alerts", condition, newest_of="alert_id")
    return sorted(found, key=lambda alert: (alert.entered_at, alert.alert_id))
