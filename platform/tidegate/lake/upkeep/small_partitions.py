"""Tables whose days are small are not kept by day: a file a day would never be merged with another.

To find the files of some days DuckLake reads the statistics of all files of the lake, at every scan: 5 ms of CPU for a
thousand files. Of a large day a file of its own is worth that, since writing the day again then drops it whole.
"""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from tidegate.lake.connect import Lake
from tidegate.lake.identity import METADATA
from tidegate.lake.sql import qualified

# Two months of days: before that the files are few.
FILES_WORTH_MERGING = 60

# What is partitioned now. A table that is not any more has an entry without a column.
PARTITIONED = f"""
    select i.table_id from {METADATA}.ducklake_partition_info as i
    semi join {METADATA}.ducklake_partition_column as c on c.partition_id = i.partition_id and c.table_id = i.table_id
    where i.end_snapshot is null"""

# On average. A day of 20,000 lines is half of it.
SMALL_FILE_BYTES = 2**20


def unpartition_small_days(lake: Lake) -> None:
    """Have tables of many small partitions not partitioned any more, and their files mergeable."""
    for schema, table in _of_small_days(lake.con):
        statement = f"alter table {qualified(schema, table)} reset partitioned by"
        lake.unit_of_work(lambda con, statement=statement: con.execute(statement))  # type: ignore[misc]
    # Apart, since DuckDB writes one database in a transaction: interrupted in between, it is done the next time.
    if _partitioned_before(lake.con):
        lake.unit_of_work(_forget_partitions)


def _of_small_days(con: DuckDBPyConnection) -> list[tuple[str, str]]:
    return con.execute(
        f"""
        select s.schema_name, t.table_name
        from {METADATA}.ducklake_data_file as f
        join {METADATA}.ducklake_table as t on t.table_id = f.table_id and t.end_snapshot is null
        join {METADATA}.ducklake_schema as s on s.schema_id = t.schema_id and s.end_snapshot is null
        where f.end_snapshot is null and f.table_id in ({PARTITIONED})
        group by all
        having count(*) > {FILES_WORTH_MERGING} and avg(f.file_size_bytes) < {SMALL_FILE_BYTES}
        order by all
        """
    ).fetchall()


def _partitioned_before(con: DuckDBPyConnection) -> list[int]:
    """The tables that are not partitioned, and have files from when they were."""
    rows = con.execute(
        f"select distinct table_id from {METADATA}.ducklake_data_file "
        f"where partition_id is not null and table_id not in ({PARTITIONED})"
    ).fetchall()
    return [table_id for (table_id,) in rows]


def _forget_partitions(con: DuckDBPyConnection) -> None:
    """Have files be of no partition. DuckLake finds rows by the statistics of files, which tell their days as well; for
    what a partition held, `lake.upkeep.lost` reads these, too."""
    tables = ", ".join(map(str, _partitioned_before(con)))
    if tables:
        con.execute(f"delete from {METADATA}.ducklake_file_partition_value where table_id in ({tables})")
        con.execute(f"update {METADATA}.ducklake_data_file set partition_id = null where table_id in ({tables})")
