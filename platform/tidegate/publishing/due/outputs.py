"""Which outputs there can be of what is published, and which of them are due. Making them is `outputs.making`.

An output is due while what is published, or what the ledger reports of the days that it tells of, differs from what it
was made of, and once what it says of its partition's publication may be so no more. So publishing the same content
again makes nothing else due, a restatement or a rollback exactly what it must, and what a killed run left undone stays
due.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal, rows_relation, sql_file
from tidegate.ledger.interim import IS_OF_A_WHOLE_DAY
from tidegate.ledger.made_of import inputs_query, made_of_relation
from tidegate.ledger.outputs import lies_in
from tidegate.ledger.rollbacks import WITHHELD
from tidegate.publishing.due.made_of import Ingredient, OutputKind


@dataclass(frozen=True)
class Output:
    """An output that there can be, as it would be made now, and whether that `is_due`.

    `inputs_hash` is a hash over all that it would be made of, `since` when the newest of that came (UTC, naive),
    `entry` the ledger's number of when it was made last, -1 when it never was, and `contents_seen` up to which entry of
    `ops.contents` this is so.
    """

    kind: str
    day: dt.date
    inputs_hash: str
    publication_id: str
    since: dt.datetime
    entry: int
    is_due: bool
    revision: int
    contents_seen: int


def due_outputs(con: DuckDBPyConnection, kinds: Sequence[OutputKind], place: str) -> list[Output]:
    """Every due output of these kinds, oldest day first. `place` is where outputs go: those elsewhere do not count."""
    if not kinds:
        return []
    # All that there can be are thousands a year, and mostly none is due.
    found = _outputs(kinds, place, None, may_be_due=_may_be_due(kinds))
    query = f"select * from ({found}) where is_due order by day, kind"
    return [Output(*row) for row in con.execute(query).fetchall()]


def outputs(
    con: DuckDBPyConnection, kinds: Sequence[OutputKind], place: str, days: Collection[dt.date] | None = None
) -> list[Output]:
    """Every output that there can be of these kinds and days, or all days, due or not."""
    if not kinds:
        return []
    return [Output(*row) for row in con.execute(_outputs(kinds, place, days)).fetchall()]


def _outputs(
    kinds: Sequence[OutputKind], place: str, days: Collection[dt.date] | None, *, may_be_due: str = "true"
) -> str:
    of_days = "true" if days is None else f"t.partition_day in (select unnest({literal(sorted(days))}::date[]))"
    return sql_file(
        "tidegate.publishing.due",
        "outputs.sql",
        kinds=_kinds(kinds),
        ingredients=_ingredients(kinds),
        publications="select mart, cadence, partition_day, publication_id from ops.publications "
        f"where superseded_by is null and not {WITHHELD} and {IS_OF_A_WHOLE_DAY}",
        of_days=of_days,
        may_be_due=may_be_due,
        made=_made(place),
        inputs=inputs_query("from answers", made_of_relation({kind.name: kind.reads for kind in kinds})),
    )


def _may_be_due(kinds: Sequence[OutputKind]) -> str:
    """The condition that an answer `a` of `outputs.sql` may be due: all due ones, and hardly any other."""
    made_of = made_of_relation({kind.name: kind.reads for kind in kinds})
    return f"""(a.thing, a.partition) in (
        select o.kind, o.day
        from own as o
        join kinds as k using (kind)
        left join made as m using (kind, day)
        where
            m.contents_seen is null or m.revision <> k.revision
            or coalesce(m.told_of <> o.publication_id, false)
        union all
        select thing, partition
        from ({inputs_query("from all_answers", made_of, only_later=True)})
        where differs
    )"""


def _kinds(kinds: Sequence[OutputKind]) -> str:
    columns = {"kind": "varchar", "revision": "integer", "is_one": "boolean"}
    return rows_relation(columns, [(kind.name, kind.revision, kind.is_one) for kind in kinds])


def _ingredients(kinds: Sequence[OutputKind]) -> str:
    rows = [
        (kind.name, mart, ingredient.cadence, _is_own(kind, ingredient), ingredient.needed)
        for kind in kinds
        for ingredient in kind.ingredients
        if ingredient.needed or kind.is_one
        for mart in ingredient.marts
    ]
    columns = {"kind": "varchar", "mart": "varchar", "cadence": "varchar", "is_own": "boolean", "needed": "boolean"}
    return rows_relation(columns, rows)


def _is_own(kind: OutputKind, ingredient: Ingredient) -> bool:
    return ingredient.cadence == kind.cadence and 0 in ingredient.days_before


def _made(place: str) -> str:
    """The newest output of each kind and day, where it was not withdrawn and lies at `place`."""
    return f"""
        select kind, day, entry, if(is_there, contents_seen, null) as contents_seen, revision,
            nullif(told_of, '') as told_of
        from (
            select kind, partition_day as day, max(rowid) as entry,
                max_by(inputs_hash <> '' and {lies_in(place, "o")}, rowid) as is_there,
                max_by(coalesce(contents_seen, -1), rowid) as contents_seen,
                max_by(coalesce(revision, 1), rowid) as revision,
                max_by(if(tells_of_publication, publication_id, ''), rowid) as told_of
            from ops.outputs as o group by all
        )"""
