"""The inputs of things that were made, and which of them differ from what the things were made of."""

from __future__ import annotations

from collections.abc import Iterable

from tidegate.lake.content import NOTHING
from tidegate.lake.sql import literal, rows_relation, sql_file
from tidegate.ledger.contents import GONE, NO_DAY, Kind, Seed, seed_name

PACKAGE = "tidegate.publishing.due"


def inputs_query(things: str, made_of: str, seeds: Iterable[Seed] = ()) -> str:
    """The query in `inputs.sql`: (thing, partition, kind, subject, name, day, content, entry, changed_at, differs).

    `seeds` are what the project has of them now.
    """
    return sql_file(
        PACKAGE,
        "inputs.sql",
        things=things,
        made_of=made_of,
        current=_current(seeds),
        shows_nothing=", ".join(map(literal, (GONE, NOTHING.hash))),
    )


def _current(seeds: Iterable[Seed]) -> str:
    columns = {"kind": "varchar", "subject": "varchar", "name": "varchar", "day": "date", "content": "varchar"}
    rows = [(Kind.seed.value, seed.name, seed_name(seed.name), NO_DAY, seed.content) for seed in seeds]
    return rows_relation(columns, rows)
