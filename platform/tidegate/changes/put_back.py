"""Marts that a change took out of `serving`, or brought into it, as a whole: what taking it back does to those.

A mart without a model has no product, no candidates and no gate. It stands in `serving` as it did before.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from duckdb import DuckDBPyConnection

from tidegate.errors import TidegateError
from tidegate.lake.content import Content
from tidegate.lake.sql import qualified
from tidegate.lake.tables import ensure_table
from tidegate.ledger import publications
from tidegate.ledger.publications import Publication
from tidegate.publishing.retire import Marts, PublishedMart, marts_without_model, retire
from tidegate.publishing.switch import Published, Switch
from tidegate.transform.parsed.members import SERVING
from tidegate.window import Cadence

# The rows of a mart from before the change, until they are in its table.
THEN = "rows_of_a_mart_before_the_change"


def taken_out(con: DuckDBPyConnection, change_id: str) -> list[Publication]:
    """What stood of the marts that the change took out of `serving`, and of which nothing is published since."""
    published = {row.mart for row in publications.publications_of_change(con, change_id)}
    standing = {row.mart for row in publications.newest_publications(con)}
    before = publications.publications_before_change(con, change_id)
    return [row for row in before if row.mart not in published | standing]


def as_marts(rows: Sequence[Publication]) -> list[PublishedMart]:
    """The marts that these publications are of."""
    marts = sorted({(row.mart, row.cadence) for row in rows})
    return [
        PublishedMart(
            mart,
            Cadence(cadence),
            tuple(sorted(row.partition_day for row in rows if (row.mart, row.cadence) == (mart, cadence))),
        )
        for mart, cadence in marts
    ]


def put_marts_back(
    con: DuckDBPyConnection, rows: Sequence[Publication], snapshot: int, change_id: str, run_id: str
) -> None:
    """Have these publications stand again, and their marts' tables as the snapshot has them."""
    for mart in sorted({row.mart for row in rows}):
        _put_table_back(con, mart, snapshot, sum(row.rows for row in rows if row.mart == mart))
    for cadence in sorted({row.cadence for row in rows}):
        switch = Switch(f"0-{change_id}", run_id, Cadence(cadence))
        published: Published = {}
        for row in rows:
            if row.cadence == cadence:
                content = Content(row.rows, row.content_hash)
                again = switch.publication(
                    row.partition_day, row.mart, row.build_id, content, row.rollback_id, is_interim=row.is_interim
                )
                published.setdefault(row.partition_day, []).append(again)
        switch.enter(con, published, "put marts back")


def _put_table_back(con: DuckDBPyConnection, mart: str, snapshot: int, rows: int) -> None:
    table = (SERVING, mart)
    # Read before anything of the table changes: within a transaction that changed it, DuckLake shows its snapshots
    # changed as well.
    con.execute(f"create temporary table {THEN} as select * from {qualified(*table)} at (version => {snapshot})")
    columns = {str(name): str(sql_type) for name, sql_type, *_ in con.execute(f"describe {THEN}").fetchall()}
    ensure_table(con, *table, columns, partitioned_by=None)
    con.execute(f"delete from {qualified(*table)}")
    (count,) = con.execute(f"insert into {qualified(*table)} by name select * from {THEN}").fetchone() or (0,)
    con.execute(f"drop table {THEN}")
    if count != rows:
        raise TidegateError(
            f"The lake's snapshot {snapshot} holds {count:,} rows of serving.{mart}, and {rows:,} were published of "
            "it. Nothing was changed. Find out who else writes to the lake."
        )


def take_out_again(con: DuckDBPyConnection, taken_back: str, marts: Marts, change_id: str) -> Collection[str]:
    """Take out of `serving` the marts of which it shows nothing but what the change that is taken back brought, where
    no model makes them; returns their names."""
    before = {row.mart for row in publications.publications_before_change(con, taken_back)}
    unmade = {mart.name for mart in marts_without_model(con, marts)} - before
    others = {row.mart for row in publications.newest_publications(con) if not row.is_of_change(taken_back)}
    retire(con, sorted(unmade - others), f"0-{change_id}")
    return unmade - others
