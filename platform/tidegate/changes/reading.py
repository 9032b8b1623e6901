"""Which published partitions are made of what a plan changes: those that it has to build beside."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping

from duckdb import DuckDBPyConnection

from tidegate.home import Home
from tidegate.lake.sql import literal, rows_relation, sql_file
from tidegate.ledger.contents import Kind
from tidegate.ledger.made_of import made_of_relation
from tidegate.publishing.requirements import GateRequirements
from tidegate.window import Cadence

CHANGED = {"kind": "varchar", "subject": "varchar", "day": "date"}

Changed = dict[tuple[Kind, str], set[dt.date]]


def partitions_made_of(
    con: DuckDBPyConnection, home: Home, contents: Mapping[tuple[Kind, str], Collection[dt.date]]
) -> dict[Cadence, list[dt.date]]:
    """The published partitions that are made of these days of contents, by their kind and subject, themselves or by
    what they read back or as published."""
    changed: Changed = {content: set(days) for content, days in contents.items() if days}
    found: dict[Cadence, list[dt.date]] = {}
    for cadence in Cadence:
        of_cadence = _of_cadence(con, home, cadence, changed) if changed else set()
        if of_cadence:
            found[cadence] = sorted(of_cadence)
    return found


def _of_cadence(con: DuckDBPyConnection, home: Home, cadence: Cadence, changed: Changed) -> set[dt.date]:
    found: set[dt.date] = set()
    while True:
        for product in home.products_of(cadence):
            days = _made_of(con, product, changed)
            found |= days
            for mart in product.names if days else ():
                changed.setdefault((Kind.mart, mart), set()).update(days)
        before = changed.get((Kind.day, ""), set())
        if cadence is not Cadence.daily or found <= before:
            return found
        # What other days read back to.
        changed[Kind.day, ""] = before | found


def _made_of(con: DuckDBPyConnection, product: GateRequirements, changed: Changed) -> set[dt.date]:
    marts = f"(select unnest({literal(sorted(product.names))}::varchar[]))"
    rows = [(kind.value, subject, day) for (kind, subject), days in changed.items() for day in sorted(days)]
    query = sql_file(
        "tidegate.changes",
        "reading.sql",
        the_partitions=(
            "select distinct partition_day as partition from ops.publications "
            f"where superseded_by is null and cadence = {literal(product.cadence)} and mart in {marts}"
        ),
        made_of=made_of_relation({"": product.reads}),
        changed=rows_relation(CHANGED, rows),
    )
    return {day for (day,) in con.execute(query).fetchall()}
