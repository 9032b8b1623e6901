"""The ledger as it is at one moment, in memory: for who asks it much at once, and changes nothing.

Each scan of a table of the lake asks its catalog first, 5 to 10 ms of CPU, and a status makes more than a hundred.
Copying all tables of the ledger costs as much as scanning each once, and those that nothing was ever written into are
not scanned.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from duckdb import DuckDBPyConnection

from tidegate.lake.connect import Lake
from tidegate.lake.identity import METADATA
from tidegate.lake.sql import CATALOG, SCHEMAS, literal, qualified, quoted
from tidegate.ledger.schema import LEDGER

# DuckDB's own database of a connection to nothing; gone with the connection, or when what made it is rolled back.
MEMORY = "memory"

# A table of the ledger that always has rows.
VERSIONS = "migrations"


@contextmanager
def ledger_in_memory(lake: Lake) -> Iterator[DuckDBPyConnection]:
    """Read the lake as it is at one moment; what `ops` is asked for comes from a copy. Nothing may be written."""
    try:
        with lake.one_moment() as con:
            con.execute(f"create schema {qualified(MEMORY, 'ops')}")
            rows = _copy(con, VERSIONS)
            empty = _never_written(con)
            for table in LEDGER.keys() - {VERSIONS}:
                rows += _make_empty(con, table) if table in empty else _copy(con, table)
            lake.size_for(rows)
            found_in = [qualified(MEMORY, "ops"), *(qualified(CATALOG, schema) for schema in SCHEMAS)]
            con.execute(f"set search_path = {literal(','.join(found_in))}")
            yield con
    finally:
        lake.con.execute(f"use {quoted(CATALOG)}")


def _never_written(con: DuckDBPyConnection) -> set[str]:
    """The tables of the ledger that never had a row. DuckLake's own tables are read as they are now, and what the lake
    shows is as old as its first scan: so that comes before."""
    found = con.execute(
        f"select t.table_name from {METADATA}.ducklake_table as t "
        f"join {METADATA}.ducklake_schema as s using (schema_id) "
        f"join {METADATA}.ducklake_table_stats as written using (table_id) "
        "where s.schema_name = 'ops' and s.end_snapshot is null and t.end_snapshot is null and written.next_row_id = 0"
    ).fetchall()
    return {name for (name,) in found}


def _make_empty(con: DuckDBPyConnection, table: str) -> int:
    columns = ", ".join(f"{quoted(name)} {sql_type}" for name, sql_type in {"rowid": "bigint", **LEDGER[table]}.items())
    con.execute(f"create table {qualified(MEMORY, 'ops', table)} ({columns})")
    return 0


def _copy(con: DuckDBPyConnection, table: str) -> int:
    """How many rows it has. Their `rowid` is which entry came after which, so it is copied, as a column:
    here `select *` has it, too."""
    ours = qualified(MEMORY, "ops", table)
    row = con.execute(f"create table {ours} as select rowid, * from {qualified(CATALOG, 'ops', table)}").fetchone()
    return int(row[0]) if row else 0
