"""Parquet files: DuckDB reads them, in their own types."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

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
    most_unpacked,
    refuse_foreign_header,
    refuse_too_many,
    trap,
)
from tidegate.intake.files.relations import paths, with_files
from tidegate.lake.sql import literal, quoted


def _examine(opened: Opened) -> Examined:
    contract, file = opened.contract, literal(str(opened.path))
    try:
        with probe() as con:
            described = con.execute(
                f"describe select * from read_parquet({file}, hive_partitioning = false)"
            ).fetchall()
            counted = con.execute(f"select num_rows from parquet_file_metadata({file})").fetchone()
    # Of any kind: on damage that it does not expect, DuckDB raises its base class and faults of its own.
    except duckdb.Error as error:
        raise UnreadableFileError(f"is a damaged Parquet file ({first_line(error)})") from error
    rows, most = counted[0] if counted else 0, most_unpacked(contract, opened.file)
    if rows * len(contract.columns) > most:
        raise trap(contract, f"{most:,} values")
    types = {str(row[0]): str(row[1]) for row in described}
    refuse_too_many(list(types))
    spelled = as_the_contract_spells(contract, list(types))
    columns = tuple(
        Placed(name, given, types[given])
        for name, given in zip(spelled, types, strict=True)
        if any(column.name == name for column in contract.columns)
    )
    refuse_foreign_header(contract, spelled, columns)
    return Examined(Layout("parquet", False, len(types), columns), spelled, rows)


def _relation(batch: Batch, files: Sequence[DataFile], layout: Layout) -> str:
    """The rows of Parquet files in their own types."""
    options = "filename = '_path', hive_partitioning = false, union_by_name = false"
    return with_files(batch, layout.columns, f"read_parquet({paths(batch, files)}, {options})", _by_name)


def _by_name(column: Placed) -> str:
    value = f"read.{quoted(str(column.at))}"
    # No text with a NUL in it: a Postgres catalog could not hold it. CSV and JSON lines lines with one are broken.
    return f"replace({value}, chr(0), '\\x00')" if column.sql_type == "VARCHAR" else value


FORMAT = Format(suffixes=(".parquet",), examine=_examine, relation=_relation)
