"""Parquet files: DuckDB reads them, in their own types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace

import duckdb

from tidegate.intake.files import arrow_text
from tidegate.intake.files.engine import first_line, probe
from tidegate.intake.files.formats.layout import (
    Batch,
    DataFile,
    Examined,
    Format,
    Layout,
    Opened,
    Placed,
    UnreadableFileError,
    as_the_contract_spells,
    decimal_marks,
    most_unpacked,
    placed_by_name,
    refuse_foreign_header,
    refuse_too_many,
    trap,
)
from tidegate.intake.files.relations import paths, with_files
from tidegate.intake.files.text import BrokenLine, RowWriter
from tidegate.lake.sql import literal, quoted

# Of a decimal in DuckDB. It reads wider ones as doubles, and wrongly.
MOST_DIGITS = 38

# Types whose text, as Arrow writes it, DuckDB reads as what it was.
ARROWS_TIMES = frozenset({"DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"})


@dataclass(frozen=True)
class _Field:
    """A column of a file: its name there and in DuckDB, its type, and whether decimals in it have more digits than
    DuckDB's."""

    name: str
    known_as: str
    sql_type: str
    is_wide: bool


def _examine(opened: Opened) -> Examined:
    contract = opened.contract
    fields, rows = _look_at(opened)
    most = most_unpacked(contract, opened.file)
    if rows * len(contract.columns) > most:
        raise trap(contract, f"{most:,} values")
    refuse_too_many(fields)
    spelled = as_the_contract_spells(contract, [field.name for field in fields])
    columns = tuple(
        Placed(name, field.known_as, field.sql_type)
        for name, field in zip(spelled, fields, strict=True)
        if any(column.name == name for column in contract.columns)
    )
    inside = tuple(_inside(opened, fields, {column.name for column in columns}))
    columns += inside
    refuse_foreign_header(contract, spelled, columns)
    if any(field.is_wide for name, field in zip(spelled, fields, strict=True) if name in {c.name for c in columns}):
        return _examined_by_arrow(opened, fields)
    looked_into = {placed.at[0] for placed in inside if isinstance(placed.at, tuple)}
    whole = [name for name, field in zip(spelled, fields, strict=True) if field.known_as not in looked_into]
    header = (*whole, *(placed.name for placed in inside))
    return Examined(Layout("parquet", False, len(fields), columns), header, rows)


def _inside(opened: Opened, fields: Sequence[_Field], found: Set[str]) -> Iterator[Placed]:
    """Columns whose values are inside of nested ones: `customer.address.city` is one of their other names."""
    for column in opened.contract.columns:
        if column.name in found:
            continue
        for first, *rest in (name.split(".") for name in column.delivered_as):
            within = next((field for field in fields if field.name == first), None)
            if not (rest and within and within.sql_type.startswith("STRUCT") and not within.is_wide):
                continue
            way = (within.known_as, *rest)
            with probe() as con, suppress(duckdb.BinderException):
                file = f"read_parquet({literal(str(opened.path))}, hive_partitioning = false) as read"
                [(_, sql_type, *_)] = con.execute(f"describe select {_value(way)} as value from {file}").fetchall()
                yield Placed(column.name, way, str(sql_type))
                break


def _look_at(opened: Opened) -> tuple[list[_Field], int]:
    """The columns of a file, and how many rows it says that it has."""
    file = literal(str(opened.path))
    try:
        with probe() as con:
            described = con.execute(
                f"describe select * from read_parquet({file}, hive_partitioning = false)"
            ).fetchall()
            schema = con.execute(
                f"select name, coalesce(num_children, 0), coalesce(precision, 0) from parquet_schema({file})"
            ).fetchall()
            counted = con.execute(f"select num_rows from parquet_file_metadata({file})").fetchone()
    # Of any kind: on damage that it does not expect, DuckDB raises its base class and faults of its own.
    except duckdb.Error as error:
        raise UnreadableFileError(f"is a damaged Parquet file ({first_line(error)})") from error
    columns = _columns(schema)
    if len(columns) != len(described):
        raise UnreadableFileError("is a damaged Parquet file (its columns are not those of its schema)")
    fields = [
        _Field(name, str(known_as), str(sql_type), digits > MOST_DIGITS)
        for (name, digits), (known_as, sql_type, *_) in zip(columns, described, strict=True)
    ]
    return fields, counted[0] if counted else 0


def _columns(schema: Sequence[tuple[str, int, int]]) -> list[tuple[str, int]]:
    """The names of the columns, and the most digits of a decimal in each; in a schema, nested fields follow theirs."""
    found: list[tuple[str, int]] = []
    missing = 0
    for name, children, digits in schema[1:]:
        if missing:
            found[-1] = (found[-1][0], max(found[-1][1], digits))
            missing += children - 1
        else:
            found.append((name, digits))
            missing = children
    return found


def _examined_by_arrow(opened: Opened, fields: Sequence[_Field]) -> Examined:
    if not arrow_text.is_installed("pyarrow"):
        raise UnreadableFileError(
            f"has decimals of more than {MOST_DIGITS} digits, which DuckDB reads wrongly. {arrow_text.HOW_TO_GET_IT}"
        )
    times = {field.name: field.sql_type for field in fields if field.sql_type in ARROWS_TIMES}
    placed = placed_by_name(opened, "parquet", [field.name for field in fields], times)
    return replace(placed, is_regular=False)


def _relation(batch: Batch, files: Sequence[DataFile], layout: Layout) -> str:
    """The rows of Parquet files in their own types."""
    options = "filename = '_path', hive_partitioning = false, union_by_name = false"
    return with_files(batch, layout.columns, f"read_parquet({paths(batch, files)}, {options})", _by_name)


def _value(way: Sequence[str]) -> str:
    first, *rest = way
    value = f"read.{quoted(first)}"
    for name in rest:
        value = f"struct_extract({value}, {literal(name)})"
    return value


def _by_name(column: Placed) -> str:
    value = _value(column.at if isinstance(column.at, tuple) else (str(column.at),))
    # No text with a NUL in it: a Postgres catalog could not hold it. CSV and JSON lines lines with one are broken.
    return f"replace({value}, chr(0), '\\x00')" if column.sql_type == "VARCHAR" else value


def _records(opened: Opened, examined: Examined, sound: RowWriter) -> Iterator[BrokenLine]:
    """By Arrow, which has decimals of 76 digits."""
    marks = decimal_marks(opened, [column.name for column in examined.layout.columns])
    try:
        arrow_text.write_rows("parquet", opened.path, examined.taken, marks, sound)
    except arrow_text.ArrowError as error:
        raise UnreadableFileError(f"is a damaged Parquet file ({error})") from error
    yield from ()


FORMAT = Format(suffixes=(".parquet",), examine=_examine, relation=_relation, records=_records)
