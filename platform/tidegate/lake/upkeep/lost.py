"""Files that the catalog names and that are gone or not whole: finding them, and having the catalog forget them.

DuckLake reads a file before it deletes its rows, so a day with a lost file could never be overwritten. A file is
forgotten as DuckLake's specification deletes one: by ending it in the catalog. What the ledger must know of it first is
the caller's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from duckdb import DuckDBPyConnection

from tidegate.lake.connect import Lake
from tidegate.lake.data_files import PATH_OF_FILE, is_remote, names_in
from tidegate.lake.identity import METADATA
from tidegate.lake.sql import literal

# A Parquet file begins and ends with it; a power cut leaves zeros instead.
MAGIC = b"PAR1"


@dataclass(frozen=True)
class LostFile:
    """A data file that is lost, or one whose deleted rows are. `first` and `last` are the days it may hold, None where
    that cannot be told."""

    data_file_id: int
    table_id: int
    schema: str
    table: str
    path: str
    first: dt.date | None
    last: dt.date | None

    @property
    def sentence(self) -> str:
        days = f", of {self.first} to {self.last}" if self.first else ""
        return f"{self.schema}.{self.table}: {self.path}{days}"


def lost_files(lake: Lake) -> list[LostFile]:
    """The files of the newest state that are gone or not whole. Of those in S3 only that they are gone is seen."""
    data = lake.config.data
    there = set(names_in(lake.con, data)) if is_remote(data) else None
    named = lake.con.execute(
        f"""
        with files as (
            select data_file_id, table_id, path, path_is_relative, file_size_bytes
            from {METADATA}.ducklake_data_file where end_snapshot is null
            union all
            select data_file_id, table_id, path, path_is_relative, file_size_bytes
            from {METADATA}.ducklake_delete_file where end_snapshot is null
        )
        select f.data_file_id, f.table_id, s.schema_name, t.table_name,
            {PATH_OF_FILE}, f.file_size_bytes
        from files as f
        join {METADATA}.ducklake_table as t on t.table_id = f.table_id and t.end_snapshot is null
        join {METADATA}.ducklake_schema as s on s.schema_id = t.schema_id and s.end_snapshot is null
        """
    ).fetchall()
    return [
        LostFile(file_id, table_id, schema, table, path, *_days_of(lake.con, file_id))
        for file_id, table_id, schema, table, path, size in named
        if (_is_gone(path, there) if there is not None else not _is_whole(Path(data, path), size))
    ]


def _is_gone(path: str, there: Collection[str]) -> bool:
    # One that somebody registered lies anywhere.
    return "://" not in path and path not in there


def _is_whole(path: Path, size: int) -> bool:
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                return False
            return file.seek(-len(MAGIC), 2) + len(MAGIC) == size and file.read() == MAGIC
    except OSError:
        return False


def _days_of(con: DuckDBPyConnection, data_file_id: int) -> tuple[dt.date | None, dt.date | None]:
    """The day that a file is of; where its table is not kept by day, the first and last date in any of its columns."""
    partition = con.execute(
        f"select try_cast(partition_value as date) from {METADATA}.ducklake_file_partition_value "
        f"where data_file_id = {data_file_id}"
    ).fetchone()
    if partition and partition[0]:
        return partition[0], partition[0]
    return con.execute(
        f"""
        select min(try_cast(min_value as date)), max(try_cast(max_value as date))
        from {METADATA}.ducklake_file_column_stats as s
        join (
            select distinct table_id, column_id from {METADATA}.ducklake_column where column_type = 'date'
        ) as c using (table_id, column_id)
        where data_file_id = {data_file_id} and try_cast(min_value as date) is not null
        """
    ).fetchone() or (None, None)


def forget(con: DuckDBPyConnection, lost: Sequence[LostFile]) -> None:
    """End the files in a snapshot of their own, as https://ducklake.select/docs/stable/specification/queries says."""
    tables = sorted({file.table_id for file in lost})
    ids = ", ".join(str(file.data_file_id) for file in lost)
    newest = f"(select max(snapshot_id) from {METADATA}.ducklake_snapshot)"
    con.execute(
        f"insert into {METADATA}.ducklake_snapshot "
        "select snapshot_id + 1, now(), schema_version, next_catalog_id, next_file_id "
        f"from {METADATA}.ducklake_snapshot where snapshot_id = {newest}"
    )
    changes = ",".join(f"deleted_from_table:{table_id}" for table_id in tables)
    con.execute(
        f"insert into {METADATA}.ducklake_snapshot_changes (snapshot_id, changes_made) "
        f"select {newest}, {literal(changes)}"
    )
    for kind in ("data", "delete"):
        con.execute(
            f"update {METADATA}.ducklake_{kind}_file set end_snapshot = {newest} "
            f"where end_snapshot is null and data_file_id in ({ids})"
        )
