"""Retiring: a mart that no model makes any more leaves `serving`, so that nobody goes on reading what grows stale.

Only what the ledger says was published is touched. The rows of `marts` stay: where the model comes back, its days are
published again from there. Which marts the project has is for the callers to say, and exports belong to `outputs`.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.connect import Lake
from tidegate.lake.lease import lease, serving
from tidegate.lake.sql import literal, qualified, rows_relation
from tidegate.ledger import publications
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


def retire_marts(lake: Lake, marts: Marts, since: dt.datetime, run_id: str) -> list[str]:
    """Take what stands in `serving` and is not among `marts` out of it; returns the names.

    One that was published after `since` (UTC, naive), when this home took up its project, is left alone: a home with a
    newer project made it.
    Raises LakeBusyError when another writer holds one of their days for too long.
    """
    # Nearly always there is none, and this is asked before every publication.
    gone = marts_without_model(lake.con, marts)
    if not gone:
        return []
    with _held(lake, gone, run_id):
        return lake.unit_of_work(lambda con: _retire(con, marts, since))


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


@contextmanager
def _held(lake: Lake, marts: Collection[PublishedMart], run_id: str) -> Iterator[None]:
    """Be the only one who publishes partitions of these marts' days."""
    with ExitStack() as leases:
        for cadence in Cadence:
            days = {day for mart in marts if mart.cadence is cadence for day in mart.days}
            leases.enter_context(lease(lake.config, serving(cadence), days, run_id))
        leases.enter_context(lake.turn())
        yield


def _retire(con: DuckDBPyConnection, marts: Marts, since: dt.datetime) -> list[str]:
    names = sorted({mart.name for mart in marts_without_model(con, marts)} - _published_since(con, since))
    if not names:
        return []
    switch_id = uuid.uuid4().hex
    for name in names:
        con.execute(f"drop table if exists {qualified('serving', name)}")
    publications.supersede_marts(con, names, switch_id)
    forget_made_by(con, names)
    publications.name_commit(con, f"retire {', '.join(names)}", switch_id)
    return names


def _published_since(con: DuckDBPyConnection, moment: dt.datetime) -> set[str]:
    rows = con.execute(
        f"select distinct mart from ops.publications where superseded_by is null and published_at > {literal(moment)}"
    ).fetchall()
    return {mart for (mart,) in rows}
