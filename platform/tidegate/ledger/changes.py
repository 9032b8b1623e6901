"""`ops.changes`: the changes of logic that were applied to what is published, and those that were taken back.

What a change published has its id at the end of its publications' ids.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal
from tidegate.ledger.entries import insert_entries, read_entries


@dataclass(frozen=True)
class AppliedChange:
    """One row of `ops.changes`. `restores`: the change that this one takes back."""

    change_id: str
    plan_id: str | None
    restores: str | None
    made_by: str
    reason: str | None
    code: str | None
    models: tuple[str, ...]
    marts: tuple[str, ...]
    partitions: int
    made_at: dt.datetime
    # The sources whose contracts judge otherwise with it; None in an older entry.
    contracts: tuple[str, ...] | None = None

    @property
    def subject(self) -> str:
        """What it changed: contracts, or the logic of models."""
        if self.contracts:
            return f"the contract of {', '.join(self.contracts)} and what is made of it"
        return f"the logic of {', '.join(self.models)}"

    @property
    def sentence(self) -> str:
        """What happened, when, by whom and why."""
        what = f"takes back {self.restores[:8]}" if self.restores else f"of {self.subject}"
        because = f": {self.reason.rstrip('.')}" if self.reason else ""
        return f"Change {self.change_id[:8]} {what}, by {self.made_by} at {self.made_at:%Y-%m-%d %H:%M} UTC{because}."


def enter_change(con: DuckDBPyConnection, change: AppliedChange) -> None:
    insert_entries(con, "changes", [change])


def changes_made(con: DuckDBPyConnection) -> list[AppliedChange]:
    """All changes, oldest first."""
    return sorted(read_entries(con, AppliedChange, "changes", "true"), key=lambda each: (each.made_at, each.change_id))


def change_named(con: DuckDBPyConnection, change_id: str) -> AppliedChange | None:
    """The change of this id, or of the only one that begins so."""
    found = read_entries(con, AppliedChange, "changes", f"starts_with(change_id, {literal(change_id)})")
    return found[0] if len(found) == 1 else None
