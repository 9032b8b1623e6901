"""Rows that come through Python, as one Parquet file of texts: what the archive keeps of them.

Every value is written as text, exactly, and becomes a value of a type when it is judged. Rows are written to disk one
by one, so memory does not grow with their number.
"""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from tidegate.errors import TidegateError
from tidegate.lake.extensions import connect_with
from tidegate.lake.sql import literal, quoted

# Beyond this, sorting spills to disk.
MEMORY_LIMIT = "500MB"
# DuckDB holds a multiple of this in memory, however short rows are.
MAX_ROW = 16 << 20


def text_of(value: object) -> str | None:
    """A value as text, from which it can be read again exactly."""
    if value is None or isinstance(value, str):
        return value
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case float():
            return repr(float(value))
        case dt.datetime():
            return value.isoformat(" ")
        case dt.timedelta():
            return _time_of(value)
        case bytes() | bytearray() | memoryview():
            return "\\x" + bytes(value).hex()
        case dict() | list() | tuple():
            return json.dumps(value, default=text_of, ensure_ascii=False)
    return str(value)


def write_texts(
    columns: Sequence[str], rows: Iterable[Mapping[int, str | None]], file: Path, *, in_order_of_values: bool
) -> None:
    """Write rows, whose values are by the number of their column, as a Parquet file. `columns` may grow with the rows.

    `in_order_of_values`: equal rows are equal bytes, however they came. Raises TidegateError for columns that cannot be
    told apart.
    """
    with tempfile.TemporaryDirectory(prefix="tidegate-rows-", ignore_cleanup_errors=True) as folder:
        lines = Path(folder) / "rows.jsonl"
        _write_lines(lines, rows)
        _refuse_columns(columns)
        _copy(lines, columns, file, folder, in_order_of_values)


def _refuse_columns(columns: Sequence[str]) -> None:
    if twice := sorted({name for name in columns if columns.count(name) > 1}):
        raise TidegateError(f"it has the column '{twice[0]}' twice. Name every column once, and run again.")
    if any(not name.strip() or "\0" in name for name in columns):
        raise TidegateError("it has a column without a name. Name every column, and run again.")
    if not columns:
        raise TidegateError("it has no columns. Name at least one, and run again.")


def _write_lines(lines: Path, rows: Iterable[Mapping[int, str | None]]) -> None:
    with lines.open("w", encoding="ascii") as stream:
        for row in rows:
            line = json.dumps(row) + "\n"
            if len(line) > MAX_ROW:
                raise TidegateError(f"it has a row of more than {MAX_ROW >> 20} MiB. Leave its largest value out.")
            stream.write(line)


def _copy(lines: Path, columns: Sequence[str], file: Path, spill: str, in_order_of_values: bool) -> None:
    numbered = ", ".join(f"{literal(str(number))}: 'varchar'" for number in range(len(columns)))
    named = ", ".join(f"{quoted(str(number))} as {quoted(name)}" for number, name in enumerate(columns))
    read = (
        f"read_json({literal(str(lines))}, format = 'newline_delimited', compression = 'uncompressed', "
        f"maximum_object_size = {MAX_ROW}, columns = {{{numbered}}})"
    )
    ordered = " order by all" if in_order_of_values else ""
    own: dict[str, str | int] = {"threads": 1, "memory_limit": MEMORY_LIMIT, "temp_directory": spill}
    with connect_with([], own) as con:
        con.execute(
            f"copy (select {named} from {read}{ordered}) to {literal(str(file))} (format parquet, compression zstd)"
        )


def _time_of(value: dt.timedelta) -> str:
    """A time as databases write a span of it: `-01:30:00`."""
    sign, span = ("-", -value) if value < dt.timedelta() else ("", value)
    minutes, seconds = divmod(span.days * 86_400 + span.seconds, 60)
    fraction = f".{span.microseconds:06}" if span.microseconds else ""
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}:{seconds:02}{fraction}"
