"""The lake with some of its days out of sight: views in memory that stand where its tables are. Nothing is written.

Which days somebody may see is the callers' business.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import duckdb
from duckdb import DuckDBPyConnection

from tidegate.lake.config import attach_statements
from tidegate.lake.connect import Lake
from tidegate.lake.sql import CATALOG, SCHEMAS, literal, qualified, quoted
from tidegate.lake.tables import all_tables

# The lake itself, while views have its name. A name that no SQL of a view holds by chance.
WHOLE = "tidegate_whole_lake"

# Schema and name.
Table = tuple[str, str]


@dataclass(frozen=True)
class Sight:
    """The days `[first, end)` of a table that can be seen; without one of the two, all before or after."""

    schema: str
    table: str
    day_column: str
    first: dt.date | None
    end: dt.date | None

    @property
    def condition(self) -> str:
        day = quoted(self.day_column)
        first = f"{day} >= {literal(self.first)}" if self.first else "true"
        return f"{first} and {day} < {literal(self.end)}" if self.end else first


def hide_behind_views(lake: Lake, expected: Mapping[Table, Mapping[str, str]]) -> frozenset[Table]:
    """Have views of all tables stand where the lake was, on this connection; they show everything until `show`.

    `expected` are tables, with their columns, that are empty where the lake lacks them. Returns those that it has.
    """
    con = lake.con
    con.execute("use memory")
    con.execute(f"detach {quoted(CATALOG)}")
    for statement in attach_statements(lake.config, read_only=True, name=WHOLE):
        con.execute(statement)
    con.execute(f"attach ':memory:' as {quoted(CATALOG)}")
    there = frozenset(all_tables(con, WHOLE))
    for schema in {schema for schema, _ in [*there, *expected]} | set(SCHEMAS):
        con.execute(f"create schema if not exists {qualified(CATALOG, schema)}")
    for table in there:
        con.execute(f"create view {qualified(CATALOG, *table)} as from {qualified(WHOLE, *table)}")
    for table in expected.keys() - there:
        columns = ", ".join(f"{quoted(name)} {sql_type}" for name, sql_type in expected[table].items())
        con.execute(f"create table {qualified(CATALOG, *table)} ({columns})")
    _make_views_again(con)
    return there


def _make_views_again(con: DuckDBPyConnection) -> None:
    """The lake's own views, over those of its tables."""
    for schema, sql in _views(con):
        con.execute(f"use {qualified(CATALOG, schema)}")
        # One that asks for the rows' own numbers cannot stand over a view; what reads it says so.
        with suppress(duckdb.BinderException):
            con.execute(sql.replace(f"{WHOLE}.", f"{CATALOG}."))
    con.execute(f"use {quoted(CATALOG)}")


def show(con: DuckDBPyConnection, sight: Sight) -> None:
    """Have the view of a table that the lake has show these days of it and no others."""
    con.execute(
        f"create or replace view {qualified(CATALOG, sight.schema, sight.table)} as "
        f"from {qualified(WHOLE, sight.schema, sight.table)} where {sight.condition}"
    )


def _views(con: DuckDBPyConnection) -> list[tuple[str, str]]:
    """Schema and statement of each, those that others read before these."""
    return con.execute(
        f"select schema_name, sql from duckdb_views() where database_name = {literal(WHOLE)} and not internal "
        "order by view_oid"
    ).fetchall()
