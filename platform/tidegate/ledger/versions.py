"""The publications of a product's partition to choose from: what stands, and what it can be put back to."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal
from tidegate.ledger.entries import read_entries
from tidegate.ledger.publications import Publication, kept_snapshots, promote_of, with_snapshots
from tidegate.ledger.rollbacks import Rollback


@dataclass(frozen=True)
class Version:
    """One publication of a product's partition, all its marts taken together, as something to choose from.

    `content` is a hash over the marts': two versions with the same one show the same. `restores` is the publication
    that a rollback put back, `rejected` says that a rollback took this one away, `can_be_read` that maintenance has
    not dropped its snapshot.
    """

    publication_id: str
    cadence: str
    marts: tuple[str, ...]
    published_at: dt.datetime
    run_id: str
    rows: int
    content: str
    stands: bool
    restores: str | None
    rejected: bool
    can_be_read: bool


def versions_of(con: DuckDBPyConnection, day: dt.date) -> list[Version]:
    """The publications of a day, and of the Monday that it is, oldest first."""
    of_day = f"partition_day = {literal(day)}"
    rows = with_snapshots(con, read_entries(con, Publication, "publications", of_day))
    restored = {each.rollback_id: each.restores for each in read_entries(con, Rollback, "rollbacks", of_day)}
    rejecting = {promote_of(rollback_id) for rollback_id in restored}
    snapshots = kept_snapshots(con)
    marts: dict[str, list[Publication]] = {}
    for row in sorted(rows, key=lambda row: (row.published_at, row.publication_id, row.mart)):
        marts.setdefault(row.publication_id, []).append(row)
    return [_version(of_version, restored, rejecting, snapshots) for of_version in marts.values()]


def _version(
    marts: Sequence[Publication],
    restored: Mapping[str, str],
    rejecting: Collection[str],
    snapshots: Collection[int],
) -> Version:
    first = marts[0]
    contents = ",".join(f"{row.mart}:{row.content_hash}" for row in marts)
    return Version(
        publication_id=first.publication_id,
        cadence=first.cadence,
        marts=tuple(row.mart for row in marts),
        published_at=first.published_at,
        run_id=first.run_id,
        rows=sum(row.rows for row in marts),
        content=hashlib.md5(contents.encode(), usedforsecurity=False).hexdigest(),
        stands=first.superseded_by is None,
        restores=next((restored[row.rollback_id] for row in marts if row.rollback_id), None),
        rejected=first.superseded_by is not None and promote_of(first.superseded_by) in rejecting,
        can_be_read=first.lake_snapshot in snapshots,
    )
