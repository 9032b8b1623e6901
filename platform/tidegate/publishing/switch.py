"""The switch: what promoting and rolling back have in common, from the leases to the snapshot in the ledger.

Which partitions show what is decided by `promote` and `rollback`.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from duckdb import DuckDBPyConnection

from tidegate.errors import TidegateError
from tidegate.lake.connect import Lake
from tidegate.lake.content import NOTHING, Content, content_by_day, content_by_day_select
from tidegate.lake.lease import candidates, lease, serving
from tidegate.lake.overwrite import insert_sorted
from tidegate.lake.sql import on_days, qualified
from tidegate.lake.tables import ensure_table, table_columns
from tidegate.ledger import publications
from tidegate.ledger.entries import utc_now
from tidegate.ledger.publications import Publication
from tidegate.ledger.rollbacks import Rollback
from tidegate.publishing.requirements import Mart
from tidegate.window import Cadence, Window

Published = dict[dt.date, list[Publication]]


@contextmanager
def held_for_switching(lake: Lake, window: Window, run_id: str) -> Iterator[None]:
    """Be the only one who builds or publishes the window's partitions."""
    # A build under way would only close the gate; its end is worth waiting for.
    with (
        lease(lake.config, candidates(window.cadence), window.days, run_id),
        lease(lake.config, serving(window.cadence), window.days, run_id),
        lake.turn(),
    ):
        yield


@dataclass(frozen=True)
class Switch:
    """One change of `serving`: its id, which is that of its publications and of its commit, and whose it is."""

    switch_id: str
    run_id: str
    cadence: Cadence

    @classmethod
    def of_run(cls, run_id: str, cadence: Cadence) -> Self:
        return cls(uuid.uuid4().hex, run_id, cadence)

    def publication(
        self,
        day: dt.date,
        mart: str,
        build_id: str,
        content: Content,
        rollback_id: str | None,
        *,
        is_interim: bool | None = False,
    ) -> Publication:
        """What this switch publishes of a mart's partition."""
        return Publication(
            publication_id=publications.publication_id(day, self.switch_id),
            partition_day=day,
            cadence=self.cadence,
            mart=mart,
            run_id=self.run_id,
            build_id=build_id,
            lake_snapshot=None,
            rows=content.rows,
            content_hash=content.hash,
            published_at=utc_now(),
            superseded_by=None,
            rollback_id=rollback_id,
            is_interim=is_interim,
        )

    def rollback(
        self, rollback_id: str, day: dt.date, mart: str, restores: str, before: Contents, by: str, reason: str | None
    ) -> Rollback:
        """That a mart's partition, which held what `before` says, shows the publication `restores` again: whose
        decision it is, and why."""
        return Rollback(
            rollback_id=rollback_id,
            partition_day=day,
            cadence=self.cadence,
            mart=mart,
            restores=restores,
            candidate_hash=before.candidate(mart, day).hash,
            served_hash=before.served(mart, day).hash,
            rolled_back_by=by,
            reason=reason,
            rolled_back_at=utc_now(),
        )

    def enter(self, con: DuckDBPyConnection, published: Published, message: str) -> None:
        """Enter the publications in place of what stood of their marts, and name this switch in the commit."""
        marts = {row.mart for rows in published.values() for row in rows}
        publications.supersede_publications(con, published.keys(), self.cadence, self.switch_id, marts)
        publications.record_publications(con, [row for rows in published.values() for row in rows])
        publications.name_commit(con, message, self.switch_id)

    def with_its_snapshot(self, lake: Lake, published: Published) -> Published:
        """Enter the snapshot that the commit made, the last one; until then its commit message tells it."""
        row = lake.con.execute("select id from lake.last_committed_snapshot()").fetchone()
        # None on a connection that committed nothing yet, which happens where no mart was to be published.
        snapshot: int | None = row[0] if row else None
        lake.unit_of_work(lambda con: publications.enter_snapshot(con, published.keys(), self.switch_id, snapshot))
        return {
            day: [dataclasses.replace(row, lake_snapshot=snapshot) for row in rows] for day, rows in published.items()
        }


@dataclass(frozen=True)
class Contents:
    """What the window's partitions hold in `marts` and in `serving`."""

    by_table: Mapping[tuple[str, str, dt.date], Content]

    def candidate(self, mart: str, day: dt.date) -> Content:
        return self.by_table.get(("marts", mart, day), NOTHING)

    def served(self, mart: str, day: dt.date) -> Content:
        return self.by_table.get(("serving", mart, day), NOTHING)


def read_contents(con: DuckDBPyConnection, window: Window, marts: Sequence[Mart]) -> Contents:
    """What the window's partitions hold. Gives `serving` the tables and columns of `marts` that it lacks."""
    columns = _fit_serving(con, marts)
    selects = [
        content_by_day_select(schema, mart.name, columns[mart.name], mart.day_column, window)
        for mart in marts
        for schema in ("marts", "serving")
    ]
    return Contents(content_by_day(con, selects))


def _fit_serving(con: DuckDBPyConnection, marts: Sequence[Mart]) -> dict[str, dict[str, str]]:
    """Give `serving` the tables and columns of `marts`; returns the columns by mart."""
    tables = table_columns(con, [(schema, mart.name) for mart in marts for schema in ("marts", "serving")])
    for mart in marts:
        columns = tables.get(("marts", mart.name), {})
        if mart.day_column not in columns:
            raise TidegateError(
                f"marts.{mart.name} has no column {mart.day_column} to publish days by, or is not there. "
                "Nothing was published. Build it first, and check `meta.tidegate` of the model."
            )
        # Of another type is for `shape` to see to.
        served = tables.get(("serving", mart.name), {})
        if lacking := {name: sql_type for name, sql_type in columns.items() if name not in served}:
            # Not partitioned: a mart's day is a few rows, and a file for each takes twenty times as long to
            # write (365 days of 4 marts: 2.2 s against 0.1 s) and four times as long to read.
            ensure_table(con, "serving", mart.name, lacking, partitioned_by=None)
    return {mart.name: tables["marts", mart.name] for mart in marts}


def delete_days(con: DuckDBPyConnection, mart: Mart, days: Collection[dt.date]) -> None:
    """Take the days out of a table of `serving`."""
    if days:
        con.execute(f"delete from {qualified('serving', mart.name)} where {on_days(mart.day_column, days)}")


def insert_days(con: DuckDBPyConnection, mart: Mart, days: Collection[dt.date], relation: str) -> None:
    """Put the days of `relation`, a table as SQL names it, into a table of `serving`."""
    if days:
        inside = on_days(mart.day_column, days)
        insert_sorted(con, ("serving", mart.name), mart.day_column, f"select * from {relation} where {inside}", inside)
