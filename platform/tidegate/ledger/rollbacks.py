"""The ledger's rollbacks: which partitions show an earlier publication of theirs, by whom and why, and until when.

As in `deliveries`, functions take a connection inside its transaction, and times are naive UTC.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal
from tidegate.ledger.entries import insert_entries, of_window, read_entries
from tidegate.window import Window

# Publications of a mart that came after what its partition was rolled back to: nothing is shown of it.
WITHHELD = "(rollback_id is not null and (rollback_id, mart) not in (select (rollback_id, mart) from ops.rollbacks))"


@dataclass(frozen=True)
class Rollback:
    """One row of `ops.rollbacks`: one mart's partition, put back to what the publication `restores` showed.

    What it rejects, and withholds for as long as it stands: the content of the candidate of that moment, and what was
    served then.
    """

    rollback_id: str
    partition_day: dt.date
    cadence: str
    mart: str
    restores: str
    candidate_hash: str
    served_hash: str
    rolled_back_by: str
    reason: str | None
    rolled_back_at: dt.datetime

    @property
    def sentence(self) -> str:
        """What happened, when, by whom and why."""
        when = f"{self.rolled_back_at:%Y-%m-%d %H:%M} UTC"
        because = f": {self.reason.rstrip('.')}" if self.reason else ""
        return f"Rolled back to {self.restores} by {self.rolled_back_by} at {when}{because}."


def record_rollbacks(con: DuckDBPyConnection, rows: Sequence[Rollback]) -> None:
    """Add rollbacks."""
    insert_entries(con, "rollbacks", rows)


def standing_rollbacks(con: DuckDBPyConnection, window: Window | None = None) -> list[Rollback]:
    """The rollbacks that `serving` shows, one per partition and mart: all of them, or the window's."""
    if not _any_rollbacks(con):
        return []
    of_cadence = f"cadence = {literal(window.cadence)}" if window else "true"
    return read_entries(
        con,
        Rollback,
        "rollbacks",
        "(rollback_id, mart) in (select (rollback_id, mart) from ops.publications where superseded_by is null) "
        f"and {of_cadence} and {of_window(window)}",
    )


def _any_rollbacks(con: DuckDBPyConnection) -> bool:
    """Whether anything was ever rolled back. Mostly nothing was, and every run asks which of it stands or ended: a
    comparison with all publications, which takes as long as ten of these."""
    return bool(con.execute("select 1 from ops.rollbacks limit 1").fetchone())


def marts_withheld(con: DuckDBPyConnection) -> dict[str, list[str]]:
    """Of each rollback that stands, by its id, the marts that came later, of which its partition shows nothing."""
    rows = con.execute(
        "select rollback_id, list(mart order by mart) from ops.publications "
        f"where superseded_by is null and {WITHHELD} group by rollback_id"
    ).fetchall()
    return dict(rows)


def sentences_of_rollbacks(con: DuckDBPyConnection, window: Window | None = None) -> dict[tuple[dt.date, str], str]:
    """What happened to each rolled-back partition, by day and cadence, and of which marts it shows nothing; of several
    products that were rolled back, one sentence after the other."""
    standing = standing_rollbacks(con, window)
    withheld = marts_withheld(con) if standing else {}
    sentences: dict[tuple[dt.date, str], dict[str, None]] = {}
    for each in standing:
        sentence = each.sentence + _shows_nothing_of(withheld.get(each.rollback_id, []))
        sentences.setdefault((each.partition_day, each.cadence), {})[sentence] = None
    return {partition: " ".join(of_partition) for partition, of_partition in sentences.items()}


def _shows_nothing_of(marts: Sequence[str]) -> str:
    return f" Nothing is shown of {', '.join(marts)}, which came later." if marts else ""


def rollbacks_ended_by(con: DuckDBPyConnection, run_id: str, window: Window) -> list[Rollback]:
    """The rollbacks, one per partition and mart of the window, that a run ended by publishing other data."""
    if not _any_rollbacks(con):
        return []
    return read_entries(
        con,
        Rollback,
        "rollbacks",
        "rollback_id in (select before.rollback_id from ops.publications as before "
        # Whichever marts there are now: a rollback is of its partition.
        "join ops.publications as after on after.publication_id = before.superseded_by "
        f"where after.rollback_id is null and after.run_id = {literal(run_id)}) "
        f"and cadence = {literal(window.cadence)} and {of_window(window)}",
    )
