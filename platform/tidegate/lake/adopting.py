"""Files that another engine wrote, which become files of a table without anybody copying their rows.

DuckLake owns such a file from then on and deletes it once it is out of use. Two things would lose rows without an
error: a path that is registered, deleted and registered again is cleaned up while it is in use, and a day that stands
in a path is read in place of the day in the file. So each file is moved to a path of its own for ever, which the day of
its rows is in: where DuckLake would have put it, and named as DuckLake names files. Upkeep and backups see no
difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from tidegate.errors import TidegateError
from tidegate.lake.connect import Lake
from tidegate.lake.data_files import move, path_of
from tidegate.lake.identity import METADATA, named_files
from tidegate.lake.sql import CATALOG, literal, qualified, quoted
from tidegate.lake.upkeep.small_partitions import PARTITIONED

# The name of the file that a row is in, as a column.
FILE = "_tidegate_file"


@dataclass(frozen=True)
class Adopted:
    """Files that lie where a table's own files lie, by their names in the data folder. Nobody reads them yet."""

    data: str
    names: tuple[str, ...]
    # Whether the day of their rows is in their names.
    is_by_day: bool


def adopt(lake: Lake, names: Sequence[str], table: tuple[str, str], day_column: str, inside: str) -> Adopted:
    """Move Parquet files of the data folder to where the table's files lie.

    Each must hold rows of one day. One of several days, or with a row for which the condition `inside` is false, raises
    duckdb.InvalidInputException, and a data folder whose own path names values of columns TidegateError, both with
    nothing moved.
    """
    folder, is_by_day = _folder_of(lake.con, table)
    if is_by_day and "=" in lake.config.data:
        raise TidegateError(
            f"Files cannot become those of {'.'.join(table)}, which is kept by day, as long as the path of the lake's "
            f"data has a = in it: {lake.config.data}. DuckLake would take what stands before it for a column. Nothing "
            "was changed. Leave out spark_files_from_rows or the table's partition_by, or move the data."
        )
    places: dict[str, str] = {}
    for name, day, unique in _days_of(lake, names, table, day_column, inside):
        of_day = f"{day_column}={day}/" if is_by_day else ""
        places[name] = f"{folder}{of_day}ducklake-{unique}.parquet"
    move(lake.config.data, places)
    return Adopted(lake.config.data, tuple(places.values()), is_by_day)


def overwrite_by_files(con: DuckDBPyConnection, table: tuple[str, str], condition: str, files: Adopted) -> None:
    """Have files that were adopted for the table in place of its rows for which the condition holds.

    Raises duckdb.InvalidInputException where they have other columns than the table.
    """
    if not set(named_files(con)).isdisjoint(files.names):
        # The answer to a commit was lost, and the work is repeated that it did: done twice, cleaning up would delete
        # the files while they are in use.
        return
    con.execute(f"delete from {qualified(*table)} where {condition}")
    if files.names:
        paths = [path_of(files.data, name) for name in files.names]
        listed = f"{literal(CATALOG)}, {literal(table[1])}, {literal(paths)}, schema => {literal(table[0])}"
        # Otherwise a folder `region=eu` above the data would be every row's region.
        con.execute(f"call ducklake_add_data_files({listed}, hive_partitioning => {literal(files.is_by_day)})")


def _folder_of(con: DuckDBPyConnection, table: tuple[str, str]) -> tuple[str, bool]:
    """Where files of a table lie in the data folder, and whether in a folder for each day."""
    ((folder, is_by_day),) = con.execute(
        f"""
        select s.path || t.path, t.table_id in ({PARTITIONED})
        from {METADATA}.ducklake_table as t
        join {METADATA}.ducklake_schema as s using (schema_id)
        where t.end_snapshot is null and s.end_snapshot is null
            and s.schema_name = {literal(table[0])} and t.table_name = {literal(table[1])}
        """
    ).fetchall()
    return folder, is_by_day


def _days_of(
    lake: Lake, names: Sequence[str], table: tuple[str, str], day_column: str, inside: str
) -> list[tuple[str, str, str]]:
    """Of each file that holds rows its name, its day and a UUID of version 7 for it."""
    if not names:
        return []
    day, data = quoted(day_column), lake.config.data
    message = f"a file for {'.'.join(table)} holds rows of several days, or outside of the window that is overwritten"
    found = lake.con.execute(
        f"""
        select
            file,
            case when is_inside and first = last and days = rows then first::varchar else error({literal(message)}) end,
            uuidv7()::varchar
        from (
            select
                {FILE} as file, bool_and(coalesce({inside}, false)) as is_inside,
                min({day}) as first, max({day}) as last, count({day}) as days, count(*) as rows
            from read_parquet({literal([path_of(data, name) for name in names])},
                hive_partitioning => false, filename => {literal(FILE)})
            group by {FILE}
        )
        order by all
        """
    ).fetchall()
    return [(str(file).removeprefix(path_of(data, "")), found_day, unique) for file, found_day, unique in found]
