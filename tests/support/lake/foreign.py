"""Parquet files that another engine wrote into the lake's data folder, and the table that they are for."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from tidegate.lake.adopting import Adopted, adopt
from tidegate.lake.connect import Lake
from tidegate.lake.data_files import is_remote, path_of
from tidegate.lake.exchange import files_in
from tidegate.lake.sql import day_in, literal

HEAVY = ("marts", "heavy")
FIRST, END = dt.date(2024, 1, 1), dt.date(2024, 1, 4)
INSIDE = day_in("day", FIRST, END)

COLUMNS = "day date, id bigint, name varchar, amount decimal(38,4), made_at timestamp, tags varchar[]"


def rows_times(factor: int, rows: int = 3000) -> str:
    """A query for rows of three days, a third of them each."""
    return f"""
        select
            date '2024-01-01' + (i % 3)::integer as day,
            i as id,
            if(i % 7 = 0, null, repeat('n', 70) || i) as name,
            (i * {factor} / 3)::decimal(38,4) as amount,
            timestamp '2024-01-01' + to_microseconds(i * 1234567) as made_at,
            [i::varchar, null] as tags
        from range({rows}) as r (i)"""


def make_table(lake: Lake, name: str = "heavy", by_day: bool = True) -> None:
    lake.con.execute(f"create table marts.{name} ({COLUMNS})")
    if by_day:
        lake.con.execute(f"alter table marts.{name} set partitioned by (day)")


def write_foreign(lake: Lake, folder: str, query: str, file_of: str = "day") -> None:
    """Write files into a folder of the data folder, as Spark does: named by it, one for each value of `file_of`."""
    path = path_of(lake.config.data, folder)
    if not is_remote(path):
        Path(path).mkdir(parents=True)
    lake.con.execute(
        f"copy (select *, {file_of} as of_day from ({query})) to {literal(path)} (format parquet, "
        "partition_by (of_day), write_partition_columns false, filename_pattern 'part-00000-{uuid}-c000')"
    )


def adopted(lake: Lake, folder: str) -> Adopted:
    return adopt(lake, files_in(lake, folder), HEAVY, "day", INSIDE)
