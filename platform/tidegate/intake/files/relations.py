"""The SQL that reads files of one layout: FROM-able text, as `contract.judging.verdicts.judge_select` wants it.

Pure functions of their arguments. Running the SQL, and deciding what to do when it does not come out, is
`readers`'.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidegate.contract.model import CLOCK_OF_UTC, Clock, FileFormat
from tidegate.intake.files.sniff import Layout, Placed
from tidegate.lake.sql import literal, quoted

REJECTS = "intake_rejects"
REJECT_SCANS = "intake_reject_scans"

# Each takes DuckDB 200 bytes. Files with more are read line by line instead, because then they do not come out.
MANY_REJECTS = 100_000

# A control character: JSON text never holds one, so no JSON line is ever cut at it.
NOT_IN_JSON = "\x1f"

# A number after a key. It becomes a text, because DuckDB reads numbers as doubles: 1.10 would turn into 1.1,
# and the 17th digit into another. Inside of a text this makes the line invalid, never different: then
# `json_text` reads it.
_NUMBER_VALUE = r"(:[ \t]*)(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)([ \t\r]*[,}])"
_NUMBER_AS_TEXT = r'\1"\2"\3'
_NESTED_VALUE = r":[ \t]*[\[{]"

# A text with a NUL in it is none that every tool can hold; `json_text` decides.
_IS_ROW = r"json_valid(exact) and starts_with(ltrim(exact, ' ' || chr(9)), '{') and not contains(line, '\u0000')"


@dataclass(frozen=True)
class DataFile:
    """A file of a delivery: `name` is what it was called, `archived` where its bytes are.

    `number` is its position in the batch, which is in the order of deliveries and, within one, of names. `clock` is the
    one that its timestamps without an offset are written by.
    """

    number: int
    delivery: int
    day: dt.date
    name: str
    archived: Path
    declared: FileFormat | None = None
    clock: Clock = CLOCK_OF_UTC


@dataclass(frozen=True)
class Batch:
    """All files that are read together. In `folder`, each file to be read goes by its number.

    So one file has one path even where the archive keeps the same bytes once for two deliveries, and a row's
    file is looked up by position. A join would say the same, but DuckDB then mixes up the order of the lines.
    """

    folder: Path
    files: Sequence[DataFile]

    def path(self, file: DataFile) -> Path:
        return self.folder / str(file.number)

    def file_at(self, path: str) -> DataFile:
        return self.files[int(Path(path).name)]


def csv_relation(batch: Batch, files: Sequence[DataFile], layout: Layout) -> str:
    """The rows of CSV files as they are; lines that DuckDB cannot read go to the table REJECTS."""
    options = f"{_csv_options(layout)}, header = true, {_rejects_options()}"
    return _with_files(batch, layout.columns, f"read_csv({_paths(batch, files)}, {options})", _by_position)


def fixed_relation(batch: Batch, files: Sequence[DataFile], layout: Layout) -> str:
    """The rows of files written by `csv_text.fix` or `json_text.fix`: nothing in them can go wrong.

    One thread a file: the parallel reader cannot be trusted with line feeds inside of quotes.
    """
    options = f"{_csv_options(layout)}, header = false, parallel = false, new_line = '\\n'"
    return _with_files(batch, layout.columns, f"read_csv({_paths(batch, files)}, {options})", _by_position)


def json_relation(batch: Batch, files: Sequence[DataFile], layout: Layout) -> str:
    """The rows of JSON lines files; lines that are no JSON objects are left out (see `json_suspects`)."""
    shape = literal(json.dumps({column.name: "VARCHAR" for column in layout.columns}))
    rows = f"""(
select _path, json_transform(exact, {shape}) as found,
  case when nested then json_transform(line, {shape}) end as whole
from {_json_lines(batch, files, layout)} where {_IS_ROW}
)"""
    return _with_files(batch, layout.columns, rows, _by_key)


def json_suspects(batch: Batch, files: Sequence[DataFile], layout: Layout) -> str:
    """The query for the lines that `json_relation` leaves out: `_path, line`."""
    return f"select distinct _path, line from {_json_lines(batch, files, layout)} where not ({_IS_ROW})"


def parquet_relation(batch: Batch, files: Sequence[DataFile], layout: Layout) -> str:
    """The rows of Parquet files in their own types."""
    options = "filename = '_path', hive_partitioning = false, union_by_name = false"
    return _with_files(batch, layout.columns, f"read_parquet({_paths(batch, files)}, {options})", _by_name)


def _with_files(batch: Batch, columns: Sequence[Placed], reader: str, value: Callable[[Placed], str]) -> str:
    number = f"read._path[{len(str(batch.folder)) + 2}:]::integer + 1"
    named = ", ".join(f"{value(column)} as {quoted(column.name)}" for column in columns)
    return f"""(
select ({literal([file.delivery for file in batch.files])})[{number}] as _delivery,
  ({literal([file.day for file in batch.files])})[{number}] as _day,
  ({literal([file.name for file in batch.files])})[{number}] as _file, {named}
from {reader} as read
)"""


def _by_position(column: Placed) -> str:
    return f"read.c{column.at}"


def _by_name(column: Placed) -> str:
    value = f"read.{quoted(str(column.at))}"
    # No text with a NUL in it: a Postgres catalog could not hold it. CSV and JSON lines lines with one are broken.
    return f"replace({value}, chr(0), '\\x00')" if column.sql_type == "VARCHAR" else value


def _by_key(column: Placed) -> str:
    # In a nested value the numbers must not have become texts: it comes from the line as it was.
    found = f"struct_extract(read.found, {literal(column.name)})"
    whole = f"struct_extract(read.whole, {literal(column.name)})"
    return f"case when read.whole is not null and {found}[1] in ('{{', '[') then {whole} else {found} end"


def _json_lines(batch: Batch, files: Sequence[DataFile], layout: Layout) -> str:
    one_column = f"columns = {{'line': 'VARCHAR'}}, delim = {literal(NOT_IN_JSON)}, quote = '', escape = ''"
    options = f"{one_column}, header = false, {_reading(layout)}, {_rejects_options()}"
    exact = f"regexp_replace(line, {literal(_NUMBER_VALUE)}, {literal(_NUMBER_AS_TEXT)}, 'g')"
    return f"""(
select *, {exact} as exact, regexp_matches(line, {literal(_NESTED_VALUE)}) as nested
from read_csv({_paths(batch, files)}, {options}) where line is not null
)"""


def _csv_options(layout: Layout) -> str:
    # Positions instead of the header's names: those may be double, empty or anything.
    columns = ", ".join(f"'c{position}': 'VARCHAR'" for position in range(layout.width))
    return f"columns = {{{columns}}}, delim = ',', quote = '\"', escape = '\"', {_reading(layout)}"


def _reading(layout: Layout) -> str:
    # Archived objects have no suffix that would tell the compression.
    compression = "gzip" if layout.gzipped else "none"
    return f"auto_detect = false, compression = '{compression}', filename = '_path'"


def _rejects_options() -> str:
    tables = f"rejects_table = '{REJECTS}', rejects_scan = '{REJECT_SCANS}'"
    return f"store_rejects = true, {tables}, rejects_limit = {MANY_REJECTS}"


def _paths(batch: Batch, files: Sequence[DataFile]) -> str:
    return literal([str(batch.path(file)) for file in files])
