"""Rows of the ledger as dataclasses: reading and adding them. What they mean belongs to the module of their table."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Any, TypeVar

from duckdb import DuckDBPyConnection

from tidegate.lake.sql import in_window, literal, qualified, quoted, rows_relation
from tidegate.ledger.schema import LEDGER
from tidegate.window import Window

Entry = TypeVar("Entry")


def of_window(window: Window | None) -> str:
    """The condition that an entry is of a partition of the window, or of any."""
    return in_window("partition_day", window) if window else "true"


def read_entries(
    con: DuckDBPyConnection, kind: type[Entry], table: str, condition: str, newest_of: str | None = None
) -> list[Entry]:
    """The entries of a ledger table as `kind`, in a stable order; `newest_of`: only each group's newest."""
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    newest = f"qualify row_number() over (partition by {newest_of} order by rowid desc) = 1" if newest_of else ""
    columns = ", ".join(map(quoted, names))
    rows = con.execute(
        f"select {columns} from {qualified('ops', table)} where {condition} {newest} order by all"
    ).fetchall()
    return [kind(*map(_frozen, row)) for row in rows]


def storable(rows: Sequence[Entry]) -> list[Entry]:
    """`rows` without NULs, which come in with pieces of broken files and which DuckLake's catalogs cannot hold."""
    return [
        dataclasses.replace(row, **{name: without_nul(value) for name, value in vars(row).items()})  # type: ignore[type-var]
        for row in rows
    ]


def without_nul(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
        case tuple():
            return tuple(map(without_nul, value))
    return value


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def insert_entries(con: DuckDBPyConnection, table: str, rows: Sequence[Any], **constant: int | str | None) -> None:
    """Add dataclasses to a ledger table; `constant` fills columns that they have no field for."""
    if not rows:
        return
    rows = storable(rows)
    names = [field.name for field in dataclasses.fields(rows[0])]
    types = {name: LEDGER[table][name] for name in names}
    relation = rows_relation(types, ([getattr(row, name) for name in names] for row in rows))
    extra = "".join(f", {literal(value)} as {quoted(name)}" for name, value in constant.items())
    con.execute(f"insert into {qualified('ops', table)} by name select *{extra} from ({relation})")


def utc_now() -> dt.datetime:
    """Now, as the ledger writes it: naive UTC."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)
