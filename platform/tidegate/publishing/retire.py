"""Retiring: a mart that no model makes any more leaves `serving` when that change is applied, and not before.

Only what the ledger says was published is touched. The rows of `marts` stay: where the model comes back, its days are
published again from there. Which marts the project has is for the callers to say, and exports belong to `outputs`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import qualified, rows_relation
from tidegate.ledger import publications
from tidegate.ledger.calendar import forget_marts
from tidegate.ledger.made_of import forget_made_by
from tidegate.window import Cadence


@dataclass(frozen=True)
class PublishedMart:
    """A mart as the ledger knows it: the partitions of one cadence that stand in `serving`."""

    name: str
    cadence: Cadence
    days: tuple[dt.date, ...]


@dataclass(frozen=True)
class RetiredMart:
    """A mart that left `serving`. `snapshot` is the newest snapshot of the lake that still shows it."""

    name: str
    snapshot: int


# The marts, by name and cadence, that a project has.
Marts = Collection[tuple[str, Cadence]]


def marts_without_model(con: DuckDBPyConnection, marts: Marts) -> list[PublishedMart]:
    """The marts that stand in `serving` and are not among `marts`."""
    known = rows_relation({"mart": "varchar", "cadence": "varchar"}, sorted(marts))
    rows = con.execute(
        "select mart, cadence, list(partition_day order by partition_day) from ops.publications "
        f"where superseded_by is null and (mart, cadence) not in (select (mart, cadence) from ({known})) "
        "group by mart, cadence order by all"
    ).fetchall()
    return [PublishedMart(mart, Cadence(cadence), tuple(days)) for mart, cadence, days in rows]


def retire_marts(con: DuckDBPyConnection, marts: Marts, switch_id: str) -> list[str]:
    """Take what stands in `serving` and is not among `marts` out of it; returns the names. Call it inside the
    transaction of the switch, and be the only one who publishes days of theirs."""
    names = sorted({mart.name for mart in marts_without_model(con, marts)})
    retire(con, names, switch_id)
    return names


def retire(con: DuckDBPyConnection, names: Sequence[str], switch_id: str) -> None:
    """`retire_marts` of these."""
    for name in names:
        con.execute(f"drop table if exists {qualified('serving', name)}")
    if names:
        publications.supersede_marts(con, names, switch_id)
        forget_made_by(con, names)
        forget_marts(con, names)


def retired_marts(con: DuckDBPyConnection) -> list[RetiredMart]:
    """The marts that left `serving` and that time travel can still read."""
    rows = con.execute(
        """
        with retired as (
            select mart, max_by(superseded_by, rowid) as superseded_by from ops.publications
            group by mart having count(*) = count(superseded_by)
        )
        select r.mart, before.snapshot_id
        from retired as r
        join lake.snapshots() as s
            on s.commit_extra_info <> '' and ends_with(r.superseded_by, '-' || s.commit_extra_info)
        join lake.snapshots() as before on before.snapshot_id = s.snapshot_id - 1
        order by r.mart
        """
    ).fetchall()
    return [RetiredMart(mart, snapshot) for mart, snapshot in rows]
