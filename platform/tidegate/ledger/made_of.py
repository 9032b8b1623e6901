"""`ops.made_of`: what each product and each kind of output is made of, and the view `ops.due` of what of it differs.

A thing is a product of a cadence, `daily sales`, or a kind of output, `exports/daily_sales`. What follows from inputs
that differ is decided in `publishing.due`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.lake.content import NOTHING
from tidegate.lake.sql import literal, rows_relation, sql_file
from tidegate.ledger.contents import GONE, Kind, Seed, seed_contents
from tidegate.ledger.schema import LEDGER
from tidegate.window import Cadence, Length

# As `inputs.sql` has it.
CAME_LATER = "s.entry > r.seen and s.made_by <> r.made_by"

ONE_DAY_LONG = Length(days=1)


@dataclass(frozen=True)
class Reads:
    """Contents of one kind and subject, from `begins_before` days before the partition's own day, up to and without
    `ends_after` it; of what has no day, both are None. `only_newest`: of these days no more than the newest that shows
    anything."""

    kind: Kind
    subject: str
    begins_before: int | None = 0
    ends_after: Length | None = ONE_DAY_LONG
    only_newest: bool = False


def product_thing(product: str, cadence: Cadence) -> str:
    return f"{cadence} {product}"


def made_of_relation(things: Mapping[str, Iterable[Reads]]) -> str:
    """A query for the rows of `ops.made_of`."""
    rows = [(thing, *_row(reads)) for thing, of_thing in things.items() for reads in of_thing]
    return rows_relation(LEDGER["made_of"], rows)


def _row(reads: Reads) -> tuple[object, ...]:
    end = reads.ends_after
    months, days = (end.months, end.days) if end else (None, None)
    return reads.kind.value, reads.subject, reads.begins_before, months, days, reads.only_newest


def inputs_query(things: str, made_of: str, seeds: Iterable[Seed] = (), *, only_later: bool = False) -> str:
    """The query in `inputs.sql`: (thing, partition, kind, subject, name, day, content, entry, changed_at, differs).

    `seeds` are what the project has of them now. `only_later`: only inputs that changed since the thing was made, which
    are few; all that differ are among them. Of things that read only the newest of some days, more may be said to
    differ, since which day is the newest is then asked of these alone.
    """
    return sql_file(
        "tidegate.ledger",
        "inputs.sql",
        things=things,
        made_of=made_of,
        which=CAME_LATER if only_later else "true",
        current=_current(seeds),
        shows_nothing=", ".join(map(literal, (GONE, NOTHING.hash))),
    )


def latest_query(things: str, made_of: str, seeds: Iterable[Seed] = ()) -> str:
    """The query in `latest.sql`: (thing, partition, entry), the number of the newest content that each may read."""
    return sql_file("tidegate.ledger", "latest.sql", things=things, made_of=made_of, current=_current(seeds))


def _current(seeds: Iterable[Seed]) -> str:
    columns = {name: LEDGER["contents"][name] for name in ("kind", "subject", "name", "day", "content")}
    contents = seed_contents(seeds, made_by="")
    return rows_relation(columns, [[getattr(content, name) for name in columns] for content in contents])


def make_view(con: DuckDBPyConnection) -> None:
    """Have `ops.due`, as this version says it."""
    inputs = inputs_query("from answers", "from ops.made_of")
    con.execute(f"create or replace view ops.due as {sql_file('tidegate.ledger', 'due.sql', inputs=inputs)}")


def keep_made_of(con: DuckDBPyConnection, thing: str, reads: Sequence[Reads], models: Iterable[str] = ()) -> None:
    """Enter what a thing is made of, and by which models, where the ledger does not say just that."""
    made_of = [(thing, *_row(each)) for each in reads]
    made_by = [(thing, model) for model in models]
    if _kept(con, thing) != {*made_of, *made_by}:
        _replace(con, "made_of", thing, made_of)
        _replace(con, "made_by", thing, made_by)


def forget_made_by(con: DuckDBPyConnection, models: Sequence[str]) -> None:
    """Forget the products that one of these models made. One that there still is says so again when it is published."""
    things = f"select thing from ops.made_by where model in (select unnest({literal(models)}::varchar[]))"
    con.execute(f"delete from ops.made_of where thing in ({things})")
    con.execute(f"delete from ops.made_by where thing in ({things})")


def _kept(con: DuckDBPyConnection, thing: str) -> set[tuple[object, ...]]:
    """What the ledger says. In one query: every promote asks, and each query of the lake takes 10 ms."""
    columns = ", ".join(f"{name}: {name}" for name in LEDGER["made_of"])
    rows = con.execute(
        f"select {{{columns}}}, null from ops.made_of where thing = {literal(thing)} union all "
        f"select null, model from ops.made_by where thing = {literal(thing)}"
    ).fetchall()
    return {tuple(read.values()) if read else (thing, model) for read, model in rows}


def _replace(con: DuckDBPyConnection, table: str, thing: str, rows: Sequence[Sequence[object]]) -> None:
    con.execute(f"delete from ops.{table} where thing = {literal(thing)}")
    con.execute(f"insert into ops.{table} by name {rows_relation(LEDGER[table], rows)}")
