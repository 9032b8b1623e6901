"""What applying a change and taking it back have in common: whose decision it is, the leases, and the snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tidegate.changes.beside import Partitions
from tidegate.intake.commit import commit_lease
from tidegate.lake.connect import Lake
from tidegate.lake.lease import EVERY_DAY, candidates, lease, serving
from tidegate.ledger import publications
from tidegate.publishing.retire import PublishedMart
from tidegate.window import Cadence


@dataclass(frozen=True)
class Decision:
    """Whose decision it is, and why."""

    by: str
    reason: str | None


@contextmanager
def leases_of(
    lake: Lake,
    partitions: Partitions,
    holder: str,
    leaving: Sequence[PublishedMart] = (),
    sources: Sequence[str] = (),
) -> Iterator[None]:
    """Be the only one who builds or publishes any of the partitions, publishes those of marts that leave, or loads any
    of the sources."""
    with ExitStack() as stack:
        for source in sources:
            stack.enter_context(lease(lake.config, commit_lease(source), [EVERY_DAY], holder))
        for cadence in Cadence:
            days = set(partitions.get(cadence, ()))
            left = {day for mart in leaving if mart.cadence is cadence for day in mart.days}
            stack.enter_context(lease(lake.config, candidates(cadence), days, holder))
            stack.enter_context(lease(lake.config, serving(cadence), days | left, holder))
        stack.enter_context(lake.turn())
        yield


def enter_snapshot_of(lake: Lake, partitions: Partitions, change_id: str) -> None:
    """Enter the snapshot that the change's commit made, the last one; until then its commit message names it."""
    if not partitions:
        return
    row = lake.con.execute("select id from lake.last_committed_snapshot()").fetchone()
    days = {day for of_cadence in partitions.values() for day in of_cadence}
    lake.unit_of_work(lambda con: publications.enter_snapshot(con, days, change_id, row[0] if row else None))
