"""`ops.incidents`: what was wrong, since when, and what people said of it. An entry for each change; the newest counts.

What opens and resolves an incident belongs to `alerting`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.ledger.entries import insert_entries, read_entries

OPEN, ACKNOWLEDGED, SILENCED, RESOLVED = "open", "acknowledged", "silenced", "resolved"


@dataclass(frozen=True)
class IncidentRecord:
    """One row of `ops.incidents`. Moments are UTC, naive."""

    key: str
    kind: str
    products: tuple[str, ...]
    source: str
    partitions: tuple[dt.date, ...]
    severity: str
    sentence: str
    what_to_do: str
    state: str
    first_seen: dt.datetime
    last_seen: dt.datetime
    occurrences: int
    handled_by: str | None = None
    reason: str | None = None
    until: dt.datetime | None = None

    @property
    def is_over(self) -> bool:
        return self.state == RESOLVED


def record_incidents(con: DuckDBPyConnection, rows: Sequence[IncidentRecord]) -> None:
    """Enter how incidents are now."""
    insert_entries(con, "incidents", rows)


def newest_incidents(con: DuckDBPyConnection) -> dict[str, IncidentRecord]:
    """Every incident as it is now, by its key."""
    return {row.key: row for row in read_entries(con, IncidentRecord, "incidents", "true", newest_of="key")}
