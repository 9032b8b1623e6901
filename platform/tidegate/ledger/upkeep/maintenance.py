"""Upkeep of a lake that has a ledger: what the ledger must know of snapshots is entered before they go."""

from __future__ import annotations

import datetime as dt

from tidegate.lake.connect import Lake
from tidegate.lake.upkeep import maintenance
from tidegate.lake.upkeep.maintenance import LONGEST_TRANSACTION, TO_THE_DAY, Upkeep
from tidegate.ledger.publications import enter_missing_snapshots
from tidegate.ledger.upkeep.days_so_far import forget_days_so_far
from tidegate.ledger.upkeep.plans import drop_what_is_over


def maintain(lake: Lake, snapshot_days: int, *, delete_leftovers: bool = False) -> Upkeep:
    """Merge small files, expire snapshots older than `snapshot_days`, or 2, and delete what nobody needs: plans among
    it that nobody worked on for as long.

    Raises TidegateError, with nothing deleted, where the catalog is damaged, and unless `delete_leftovers` where more
    files than killed writers leave are named nowhere.
    """
    now = dt.datetime.now(dt.UTC)
    unused_since = now - LONGEST_TRANSACTION
    snapshots_before = min(now - dt.timedelta(days=snapshot_days), unused_since)
    return maintain_until(lake, snapshots_before, unused_since - TO_THE_DAY, delete_leftovers=delete_leftovers)


def maintain_until(
    lake: Lake, snapshots_before: dt.datetime, files_before: dt.datetime, *, delete_leftovers: bool = False
) -> Upkeep:
    """`maintain` for given moments."""
    # With the snapshots go the commit messages that say which publication each was.
    lake.unit_of_work(enter_missing_snapshots)
    drop_what_is_over(lake, snapshots_before)
    lake.unit_of_work(lambda con: forget_days_so_far(con, snapshots_before))
    return maintenance.maintain_until(lake, snapshots_before, files_before, delete_leftovers=delete_leftovers)
