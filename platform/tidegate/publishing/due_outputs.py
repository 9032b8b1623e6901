"""Outputs that follow from publications: what each was made of, and which are due to be made.

Decided from the ledger alone, never from a run: an output is due while what is published differs from what it was made
of, or while the ledger says other things of the days that it tells of. So publishing the same content again makes
nothing due, a restatement or a rollback exactly what it must, and what a killed run left undone stays due. Making
outputs is `outputs.making`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import literal, rows_relation
from tidegate.ledger.outputs import lies_in
from tidegate.ledger.publications import CHANGES_OF_DAYS, WITHHELD


@dataclass(frozen=True)
class Ingredient:
    """Publications that an output is made of: of these marts and this cadence, so many days before the output's own."""

    marts: tuple[str, ...]
    cadence: str
    days_before: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class OutputKind:
    """A kind of output with one for each partition of its cadence that an ingredient is published on, from when each
    of its marts was published for the first time.

    `name` is the asset's: `exports/daily_sales`. `tells_of`: the days, as so many before the output's own, of which it
    tells what was delivered and how often they changed. `revision` is raised when other things are made of the same
    ingredients, which then makes all of them due.
    """

    name: str
    cadence: str
    ingredients: tuple[Ingredient, ...]
    tells_of: tuple[int, ...] = ()
    revision: int = 1

    @property
    def marts(self) -> frozenset[str]:
        return frozenset(mart for ingredient in self.ingredients for mart in ingredient.marts)


@dataclass(frozen=True)
class Output:
    """An output that there can be, as it would be made now, and whether that `is_due`.

    `since` is when the newest of what it shows came (UTC, naive), `entry` the ledger's number of when it was made last,
    -1 when it never was.
    """

    kind: str
    day: dt.date
    inputs_hash: str
    publication_id: str
    since: dt.datetime
    entry: int
    is_due: bool


def due_outputs(con: DuckDBPyConnection, kinds: Sequence[OutputKind], place: str) -> list[Output]:
    """Every due output of these kinds, oldest day first. `place` is where outputs go: those elsewhere do not count."""
    return [output for output in outputs(con, kinds, place) if output.is_due]


def outputs(
    con: DuckDBPyConnection, kinds: Sequence[OutputKind], place: str, days: Collection[dt.date] | None = None
) -> list[Output]:
    """Every output that there can be of these kinds and days, or all days, due or not."""
    if not kinds:
        return []
    rows = con.execute(_outputs(kinds, place, days)).fetchall()
    return [Output(*row) for row in rows]


def _outputs(kinds: Sequence[OutputKind], place: str, days: Collection[dt.date] | None) -> str:
    of_days = "true" if days is None else f"partition_day in (select unnest({literal(sorted(days))}::date[]))"
    return f"""
with ingredients as ({_ingredients(kinds)}),
told as ({_days_described(kinds)}),
published as (
    select mart, cadence, partition_day, publication_id, content_hash, published_at
    from ops.publications where superseded_by is null and not {WITHHELD}
),
unmet as (select kind from ingredients where mart not in (select mart from published)),
own as (
    select i.kind, i.revision, p.partition_day as day, max(p.publication_id) as publication_id
    from (from ingredients anti join unmet using (kind)) as i join published as p using (mart, cadence)
    where i.days_before = 0 and i.cadence = i.own_cadence and {of_days}
    group by all
),
stories as ({_STORIES}),
inputs as (
    select o.kind, o.day, p.published_at as since,
        concat_ws(':', p.cadence, p.mart, i.days_before, p.content_hash) as input
    from own as o
    join ingredients as i using (kind)
    join published as p
        on p.mart = i.mart and p.cadence = i.cadence and p.partition_day = o.day - i.days_before
    union all
    select o.kind, o.day, s.since, concat_ws(':', t.days_before, s.story)
    from own as o join told as t using (kind) join stories as s on s.day = o.day - t.days_before
),
made_of as (
    select o.kind, o.day, o.publication_id, max(i.since) as since,
        -- Each is there once, so that none cancels another out. Sorting them instead takes twice as long.
        md5(
            concat_ws(':', o.revision, bit_xor(md5_number_upper(i.input)), bit_xor(md5_number_lower(i.input)))
        ) as inputs_hash
    from own as o join inputs as i using (kind, day)
    group by o.kind, o.day, o.publication_id, o.revision
),
newest as (
    select kind, partition_day as day, max(rowid) as entry,
        max_by(inputs_hash, rowid) as inputs_hash, max_by(location, rowid) as location
    from ops.outputs group by all
)
select m.kind, m.day, m.inputs_hash, m.publication_id, m.since, coalesce(n.entry, -1),
    n.inputs_hash is distinct from m.inputs_hash or not {lies_in(place, "n")}
from made_of as m left join newest as n using (kind, day)
order by m.day, m.kind"""


# What was delivered for a day, and how often a published mart of it changed.
_STORIES = f"""
    select partition_day as day, max(finished_at) as since,
        concat_ws(
            ':', 'delivered', source, region, max_by(verdict, rowid), max_by(fingerprint, rowid),
            max_by(coalesce(stands_in_for::varchar, ''), rowid), max_by(rows_loaded, rowid),
            max_by(rows_quarantined, rowid)
        ) as story
    from ops.deliveries group by partition_day, source, region
    union all
    select partition_day, max(published_at), concat_ws(':', 'changed', mart, count(*))
    from ({CHANGES_OF_DAYS}) group by partition_day, mart
"""


def _ingredients(kinds: Sequence[OutputKind]) -> str:
    columns = {
        "kind": "varchar",
        "revision": "integer",
        "own_cadence": "varchar",
        "mart": "varchar",
        "cadence": "varchar",
        "days_before": "integer",
    }
    rows = [
        (kind.name, kind.revision, kind.cadence, mart, ingredient.cadence, days_before)
        for kind in kinds
        for ingredient in kind.ingredients
        for mart in ingredient.marts
        for days_before in ingredient.days_before
    ]
    return rows_relation(columns, rows)


def _days_described(kinds: Sequence[OutputKind]) -> str:
    rows = [(kind.name, days_before) for kind in kinds for days_before in kind.tells_of]
    return rows_relation({"kind": "varchar", "days_before": "integer"}, rows)
