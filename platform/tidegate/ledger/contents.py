"""`ops.contents`: what there is to be made of, by name and day; an entry whenever one of these contents changed.

What a build or an output was made of is what stood here when it began, so neither repeats it. Entries are only ever
added. Their order is that of their commits, told by DuckLake's row id, as in `deliveries`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from duckdb import DuckDBPyConnection

from tidegate.lake.content import content_by_day, content_by_day_select
from tidegate.lake.sql import literal, rows_relation
from tidegate.lake.tables import table_columns
from tidegate.ledger.entries import insert_entries, storable, utc_now
from tidegate.ledger.schema import LEDGER
from tidegate.window import Window

# What has no day, as a seed.
NO_DAY = dt.date(1970, 1, 1)
# Of what is not there, or not any more.
GONE = ""


class Kind(StrEnum):
    # What a delivery holds of an event date. Its subject is the source.
    delivery = "delivery"
    # What the models that other days read back to hold of a day.
    day = "day"
    # What `serving` shows of a partition. Its subject is the mart.
    mart = "mart"
    # A seed's rows. Its subject is the seed.
    seed = "seed"
    # That a partition is held, and why. Its subject is the product.
    hold = "hold"
    # What is reported of a day: what became of its deliveries, and that a published mart of it changed.
    report = "report"


@dataclass(frozen=True)
class Content:
    """One row of `ops.contents`. `name` is how people know it, `content` a hash or `GONE`, and `made_by` the run or the
    build that it comes from."""

    kind: Kind
    subject: str
    name: str
    day: dt.date
    content: str
    changed_at: dt.datetime
    made_by: str


@dataclass(frozen=True)
class Change:
    """A content that changed, and what it was before."""

    now: Content
    before: str


@dataclass(frozen=True)
class Seed:
    """A seed of the dbt project, and a hash over its rows."""

    name: str
    content: str


def seed_contents(seeds: Iterable[Seed], made_by: str) -> list[Content]:
    now = utc_now()
    return [Content(Kind.seed, seed.name, f"seed {seed.name}", NO_DAY, seed.content, now, made_by) for seed in seeds]


def enter_contents(con: DuckDBPyConnection, contents: Iterable[Content]) -> list[Change]:
    """Add those that differ from what stands, and return them. Of one that is given twice the last counts."""
    given = {(each.kind, each.subject, each.name, each.day): each for each in storable(list(contents))}
    changes = _changes(con, list(given.values()))
    insert_entries(con, "contents", [change.now for change in changes])
    return changes


def _changes(con: DuckDBPyConnection, contents: Sequence[Content]) -> list[Change]:
    if not contents:
        return []
    names = list(Content.__dataclass_fields__)
    types = {name: LEDGER["contents"][name] for name in names}
    given = rows_relation(types, [[getattr(content, name) for name in names] for content in contents])
    rows = con.execute(
        f"""
        with given as ({given}),
        standing as (
            select kind, subject, name, day, max_by(content, rowid) as content
            from ops.contents semi join given using (kind, subject, name, day) group by all
        )
        select g.kind, g.subject, g.name, g.day, g.content, g.changed_at, g.made_by,
            coalesce(s.content, {literal(GONE)}) as before
        from given as g left join standing as s using (kind, subject, name, day)
        where g.content <> coalesce(s.content, {literal(GONE)}) order by all
        """
    ).fetchall()
    return [Change(Content(Kind(kind), *fields), before) for kind, *fields, before in rows]


@dataclass(frozen=True)
class DayTable:
    """A table with a column that holds its day."""

    schema: str
    name: str
    day_column: str


def enter_days(con: DuckDBPyConnection, window: Window, tables: Sequence[DayTable], build_id: str) -> None:
    """Enter what these tables, which other days read back to, hold of each day of the window."""
    columns = table_columns(con, [(table.schema, table.name) for table in tables])
    selects = [
        content_by_day_select(table.schema, table.name, columns[table.schema, table.name], table.day_column, window)
        for table in tables
    ]
    found: dict[dt.date, list[str]] = {day: [] for day in window.days} if tables else {}
    for (_, name, day), content in sorted(content_by_day(con, selects).items()):
        found[day].append(f"{name}:{content.hash}")
    now = utc_now()
    enter_contents(
        con, [Content(Kind.day, "", str(day), day, _digest(of_day), now, build_id) for day, of_day in found.items()]
    )


def _digest(texts: Sequence[str]) -> str:
    return hashlib.md5("\n".join(texts).encode(), usedforsecurity=False).hexdigest()


def forget_contents(con: DuckDBPyConnection, kind: Kind, condition: str, made_by: str) -> None:
    """Enter that the contents of `condition`, an SQL one, are gone."""
    now = literal(utc_now())
    con.execute(
        f"""
        insert into ops.contents (kind, subject, name, day, content, changed_at, made_by)
        select kind, subject, name, day, {literal(GONE)}, {now}, {literal(made_by)} from ops.contents
        where kind = {literal(kind)} and {condition}
        group by all having max_by(content, rowid) <> {literal(GONE)}
        """
    )


def newest_content(con: DuckDBPyConnection) -> int:
    """The number of the newest entry: what a build or an output that begins now can see."""
    row = con.execute("select coalesce(max(rowid), -1) from ops.contents").fetchone()
    return int(row[0]) if row else -1
