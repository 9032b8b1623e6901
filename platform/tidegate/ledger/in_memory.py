"""The ledger as it is at one moment, in memory: for who asks it much at once, and changes nothing.

Each scan of a table of the lake asks its catalog first, 5 to 10 ms of CPU, and a status makes more than a hundred.
Copying all tables of the ledger costs as much as scanning each once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from duckdb import DuckDBPyConnection

from tidegate.lake.connect import Lake
from tidegate.lake.sql import CATALOG, SCHEMAS, literal, qualified, quoted
from tidegate.ledger.schema import LEDGER

# DuckDB's own database of a connection to nothing; gone with the connection, or when what made it is rolled back.
MEMORY = "memory"


@contextmanager
def ledger_in_memory(lake: Lake) -> Iterator[DuckDBPyConnection]:
    """Read the lake as it is at one moment; what `ops` is asked for comes from a copy. Nothing may be written."""
    try:
        with lake.one_moment() as con:
            con.execute(f"create schema {qualified(MEMORY, 'ops')}")
            lake.size_for(sum(_copy(con, table) for table in LEDGER))
            found_in = [qualified(MEMORY, "ops"), *(qualified(CATALOG, schema) for schema in SCHEMAS)]
            con.execute(f"set search_path = {literal(','.join(found_in))}")
            yield con
    finally:
        lake.con.execute(f"use {quoted(CATALOG)}")


def _copy(con: DuckDBPyConnection, table: str) -> int:
    """How many rows it has. Their `rowid` is which entry came after which, so it is copied, as a column:
    here `select *` has it, too."""
    ours = qualified(MEMORY, "ops", table)
    row = con.execute(f"create table {ours} as select rowid, * from {qualified(CATALOG, 'ops', table)}").fetchone()
    return int(row[0]) if row else 0
