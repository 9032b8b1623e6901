"""The SQL that reads files of one layout: FROM-able text, as `contract.judging.verdicts.judge_select` wants it.

What formats share of it, and how files are read that Tidegate wrote itself. Pure functions of their arguments. Running
the SQL, and deciding what to do when it does not come out, is `readers`'.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from duckdb import DuckDBPyConnection

from tidegate.intake.files.formats.layout import Batch, DataFile, Layout, Placed
from tidegate.lake.sql import literal, qualified, quoted

REJECTS = "intake_rejects"
REJECT_SCANS = "intake_reject_scans"

# Each takes DuckDB 200 bytes. Files with more are read line by line instead, because then they do not come out.
MANY_REJECTS = 100_000


def fixed_relation(batch: Batch, files: Sequence[DataFile], layout: Layout) -> str:
    """The rows of files that a format's `records` wrote: nothing in them can go wrong.

    One thread a file: the parallel reader cannot be trusted with line feeds inside of quotes.
    """
    dialect = "delim = ',', quote = '\"', escape = '\"', header = false, parallel = false, new_line = '\\n'"
    options = f"{text_columns(layout)}, {dialect}, {reading(layout)}"
    return with_files(batch, layout.columns, f"read_csv({paths(batch, files)}, {options})", by_position)


def drop_rejects(con: DuckDBPyConnection) -> None:
    for table in (REJECTS, REJECT_SCANS):
        con.execute(f"drop table if exists {qualified('temp', 'main', table)}")


def with_files(batch: Batch, columns: Sequence[Placed], reader: str, value: Callable[[Placed], str]) -> str:
    number = f"read._path[{len(str(batch.folder)) + 2}:]::integer + 1"
    named = ", ".join(f"{value(column)} as {quoted(column.name)}" for column in columns)
    return f"""(
select ({literal([file.delivery for file in batch.files])})[{number}] as _delivery,
  ({literal([file.day for file in batch.files])})[{number}] as _day,
  ({literal([file.name for file in batch.files])})[{number}] as _file, {named}
from {reader} as read
)"""


def by_position(column: Placed) -> str:
    value = f"read.c{column.at}"
    # A file in which text is not of its type is none that can be read.
    return value if column.sql_type == "VARCHAR" else f"cast(nullif({value}, '') as {column.sql_type})"


def text_columns(layout: Layout) -> str:
    # Positions instead of the header's names: those may be double, empty or anything.
    columns = ", ".join(f"'c{position}': 'VARCHAR'" for position in range(layout.width))
    return f"columns = {{{columns}}}"


def reading(layout: Layout) -> str:
    # Archived objects have no suffix that would tell the compression.
    compression = "gzip" if layout.gzipped else "none"
    return f"auto_detect = false, compression = '{compression}', filename = '_path'"


def rejects_options() -> str:
    tables = f"rejects_table = '{REJECTS}', rejects_scan = '{REJECT_SCANS}'"
    return f"store_rejects = true, {tables}, rejects_limit = {MANY_REJECTS}"


def paths(batch: Batch, files: Sequence[DataFile]) -> str:
    return literal([str(batch.path(file)) for file in files])
