"""CSV files, and whatever else separates the fields of a line by a delimiter.

DuckDB reads what it can read exactly; what a record is in the others is `csv_text`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from duckdb import DuckDBPyConnection

from tidegate.intake.files import csv_text
from tidegate.intake.files.formats.layout import (
    ADVICE,
    Batch,
    DataFile,
    Examined,
    Format,
    Layout,
    Leftover,
    Opened,
    Placed,
    UnreadableFileError,
    as_the_contract_spells,
    is_sparse,
    refuse_foreign_header,
    refuse_too_many,
)
from tidegate.intake.files.relations import (
    REJECT_SCANS,
    REJECTS,
    by_position,
    paths,
    reading,
    rejects_options,
    text_columns,
    with_files,
)
from tidegate.intake.files.text import BrokenLine, RowWriter, quote_lines
from tidegate.lake.sql import literal


def _examine(opened: Opened) -> Examined:
    contract, counted = opened.contract, opened.census
    try:
        header = csv_text.read_header(opened.path, opened.gzipped, counted.ends_lines_with_cr_only)
    except UnicodeDecodeError as error:
        raise UnreadableFileError(f"has a first line that is not UTF-8. {ADVICE}") from error
    if header is None:
        what = "is binary data" if counted.nuls else "has no first line that could name its columns"
        raise UnreadableFileError(f"{what}. {ADVICE}")
    refuse_too_many(header.names)
    names = as_the_contract_spells(contract, header.names)
    columns = tuple(Placed(c.name, names.index(c.name)) for c in contract.columns if c.name in names)
    refuse_foreign_header(contract, names, columns)
    layout = Layout("csv", opened.gzipped, len(names), columns)
    return Examined(
        layout,
        names,
        counted.lines - header.lines,
        counted.is_regular and header.lines == 1 and not is_sparse(counted.commas, counted.lines * (len(names) - 1)),
        counted.ends_lines_with_cr_only,
        counted.quotes,
        header.lines,
    )


def _relation(batch: Batch, files: Sequence[DataFile], layout: Layout) -> str:
    """The rows of CSV files as they are; lines that DuckDB cannot read go to the table REJECTS."""
    options = f"{text_columns(layout)}, {_dialect(layout)}, header = true, {reading(layout)}, {rejects_options()}"
    return with_files(batch, layout.columns, f"read_csv({paths(batch, files)}, {options})", by_position)


def _dialect(layout: Layout) -> str:
    return f"delim = {literal(layout.options.csv.delimiter)}, quote = '\"', escape = '\"'"


def _records(opened: Opened, examined: Examined, sound: RowWriter) -> Iterator[BrokenLine]:
    cr_only = examined.ends_lines_with_cr_only
    return csv_text.fix(opened.path, opened.gzipped, cr_only, examined.layout.width, sound)


def _leftovers(
    con: DuckDBPyConnection, batch: Batch, layout: Layout, _short: Mapping[DataFile, int]
) -> dict[DataFile, Leftover]:
    """The lines that DuckDB rejected."""
    found = con.execute(
        f"select file_path, list(distinct line) from {REJECTS} "
        f"join {REJECT_SCANS} using (scan_id, file_id) group by file_path"
    ).fetchall()
    return {
        batch.file_at(path): Leftover(len(numbers), 0, partial(quote_lines, Path(path), layout.gzipped, numbers))
        for path, numbers in found
    }


FORMAT = Format(suffixes=(".csv",), examine=_examine, relation=_relation, records=_records, leftovers=_leftovers)
