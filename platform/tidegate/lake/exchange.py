"""The lake's rows as files, for an engine beside DuckDB: which files hold a table, and a folder to hand others over in.

DuckLake keeps small inserts and small deletes in its catalog, where no other engine sees them. So files stand for a
table only where they are all of it; any other table is written out for the occasion.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from duckdb import DuckDBPyConnection

from tidegate.lake.connect import Lake
from tidegate.lake.data_files import PATH_OF_FILE, delete, is_remote, names_in, path_of
from tidegate.lake.identity import METADATA
from tidegate.lake.sql import literal, qualified, quoted

# In the lake's data folder, which every engine that reads the lake reaches. What a killed process leaves there is old
# by its name, a UUID of version 7, and maintenance deletes it (`upkeep.leftovers`).
EXCHANGE = "exchange"


@contextmanager
def exchange_folder(lake: Lake) -> Iterator[str]:
    """A new folder for one occasion, by its name in the data folder; afterwards it is gone with all that is in it."""
    ((unique,),) = lake.con.execute("select uuidv7()").fetchall()
    name = f"{EXCHANGE}/{unique}"
    if not is_remote(lake.config.data):
        Path(lake.config.data, name).mkdir(parents=True)
    try:
        yield name
    finally:
        if is_remote(lake.config.data):
            delete(lake.config.data, files_in(lake, name))
        else:
            shutil.rmtree(Path(lake.config.data, name), ignore_errors=True)


def files_in(lake: Lake, folder: str) -> list[str]:
    """The Parquet files below a folder of the data folder, by their names in that."""
    found = names_in(lake.con, path_of(lake.config.data, folder))
    return sorted(f"{folder}/{name}" for name in found if name.endswith(".parquet"))


def as_files(lake: Lake, snapshot: int, table: tuple[str, str], folder: str) -> list[str]:
    """Paths of Parquet files that together hold the rows of a table or view of the lake as of a snapshot: its own, or
    where these do not hold it exactly, one that is written into `folder`."""
    own = own_files(lake, snapshot, table)
    if own:
        return own
    path = path_of(lake.config.data, f"{folder}/{len(files_in(lake, folder))}.parquet")
    lake.con.execute(f"copy (from {_as_of(table, snapshot)}) to {literal(path)} (format parquet)")
    return [path]


def own_files(lake: Lake, snapshot: int, table: tuple[str, str]) -> list[str]:
    """Paths of the table's own files, if they hold its rows as of the snapshot and no others, in the columns that it
    has; otherwise none."""
    row = lake.con.execute(
        f"""
        select t.table_id from {METADATA}.ducklake_table as t
        join {METADATA}.ducklake_schema as s using (schema_id)
        where s.schema_name = $schema and t.table_name = $name
            and {_there("t", snapshot)} and {_there("s", snapshot)}
        """,
        {"schema": table[0], "name": table[1]},
    ).fetchone()
    if row is None or _has_rows_in_catalog(lake.con, row[0], snapshot):
        return []
    files = lake.con.execute(
        f"""
        select
            {PATH_OF_FILE},
            f.path_is_relative,
            f.record_count,
            f.begin_snapshot >= (
                select max(c.begin_snapshot) from {METADATA}.ducklake_column as c
                where c.table_id = f.table_id and {_there("c", snapshot)}
            )
        from {METADATA}.ducklake_data_file as f
        join {METADATA}.ducklake_table as t on t.table_id = f.table_id and {_there("t", snapshot)}
        join {METADATA}.ducklake_schema as s on s.schema_id = t.schema_id and {_there("s", snapshot)}
        where f.table_id = $table_id and {_there("f", snapshot)}
        order by f.data_file_id
        """,
        {"table_id": row[0]},
    ).fetchall()
    # Deleted rows are in files or in the catalog: whatever they are in, they are missing from the count.
    in_files = sum(rows for _, _, rows, _ in files)
    if not all(has_all_columns for *_, has_all_columns in files) or in_files != _count(lake.con, table, snapshot):
        return []
    return [path_of(lake.config.data, path) if is_relative else path for path, is_relative, *_ in files]


def _has_rows_in_catalog(con: DuckDBPyConnection, table_id: int, snapshot: int) -> bool:
    parts = con.execute(
        f"select table_name from {METADATA}.ducklake_inlined_data_tables where table_id = $table_id",
        {"table_id": table_id},
    ).fetchall()
    return any(
        con.execute(f"select 1 from {METADATA}.{quoted(part)} as i where {_there('i', snapshot)} limit 1").fetchone()
        for (part,) in parts
    )


def _count(con: DuckDBPyConnection, table: tuple[str, str], snapshot: int) -> int:
    row = con.execute(f"select count(*) from {_as_of(table, snapshot)}").fetchone()
    return int(row[0]) if row else 0


def _as_of(table: tuple[str, str], snapshot: int) -> str:
    return f"{qualified(*table)} at (version => {snapshot})"


def _there(alias: str, snapshot: int) -> str:
    """Whether an entry of the catalog is part of a snapshot."""
    return (
        f"{alias}.begin_snapshot <= {snapshot} and ({alias}.end_snapshot is null or {alias}.end_snapshot > {snapshot})"
    )
