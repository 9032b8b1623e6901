"""CSV files, and whatever else separates the fields of a line by a delimiter.

DuckDB reads what it can read exactly; what a record is in the others is `csv_text`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from duckdb import DuckDBPyConnection

from tidegate.intake.files import csv_text
from tidegate.intake.files.csv_text import Dialect, Header
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
from tidegate.intake.files.text import MAX_RECORD, BrokenLine, RowWriter, open_text, quote_lines
from tidegate.lake.sql import literal

# Reports have a title, some filters and an empty line before their header.
HEADER_IS_WITHIN = 20


def _examine(opened: Opened) -> Examined:
    contract, counted, options = opened.contract, opened.census, opened.options
    dialect = Dialect.of(options.csv, options.text)
    header = _header(opened, dialect) if options.text.header else Header(_named_by_contract(opened, dialect), 0)
    refuse_too_many(header.names)
    names = as_the_contract_spells(contract, header.names)
    columns = tuple(Placed(c.name, names.index(c.name)) for c in contract.columns if c.name in names)
    refuse_foreign_header(contract, names, columns, _would_help(opened, header))
    layout = Layout("csv", opened.gzipped, len(names), columns)
    return Examined(
        layout,
        names,
        counted.lines - header.lines,
        counted.is_regular
        and header.lines == int(options.text.header)
        and _is_for_duckdb(dialect)
        and not (dialect.is_standard and is_sparse(counted.commas, counted.lines * (len(names) - 1))),
        counted.ends_lines_with_cr_only,
        counted.quotes,
        header.lines,
    )


def _header(opened: Opened, dialect: Dialect) -> Header:
    counted = opened.census
    try:
        header = csv_text.read_header(opened.path, opened.gzipped, counted.ends_lines_with_cr_only, dialect)
    except UnicodeDecodeError as error:
        instead = "write `encoding: windows-1252`, or the one that it is of, at the contract's server"
        raise UnreadableFileError(f"has a first line that is not UTF-8. Send it as UTF-8, or {instead}") from error
    if header is None:
        what = "is binary data" if counted.nuls else "has no first line that could name its columns"
        raise UnreadableFileError(f"{what}. {ADVICE}")
    return header


def _named_by_contract(opened: Opened, dialect: Dialect) -> tuple[str, ...]:
    """The columns of a file without a header: as the options name them, or else the contract's, if it has as many."""
    if opened.options.text.names:
        return opened.options.text.names
    names = tuple(column.name for column in opened.contract.columns)
    with suppress(UnicodeDecodeError):
        first = csv_text.read_header(opened.path, opened.gzipped, opened.census.ends_lines_with_cr_only, dialect)
        if first and len(first.names) != len(names):
            raise UnreadableFileError(
                f"has {len(first.names)} columns in its first line and no header, and the contract has {len(names)}. "
                "Write the names of the file's columns as `columnNames` at the contract's server"
            )
    return names


def _would_help(opened: Opened, header: Header) -> str:
    """Which option, if any, would have found the contract's columns."""
    for mark, name in {"{": "json", "[": "json_array", "<": "xml"}.items():
        if header.names and header.names[0].startswith(mark):
            return f"It looks like {name.partition('_')[0].upper()}: write `format: {name}` at the contract's server"
    for delimiter, shown in {";": "';'", "\t": "tab", "|": "'|'", ",": "','", "~": "'~'", "^": "'^'"}.items():
        other = replace(opened.options.csv, delimiter=delimiter)
        if delimiter != opened.options.csv.delimiter and _finds(opened, Dialect.of(other, opened.options.text)):
            return f"Its fields are separated by {shown}: write `delimiter: {shown}` at the contract's server"
    dialect = Dialect.of(opened.options.csv, opened.options.text)
    if lines := _lines_before_header(opened, dialect):
        return f"Its header is in line {lines + 1}: write `skipLines: {lines}` at the contract's server"
    if len(header.names) == len(opened.contract.columns):
        return "If the file has no header, write `header: false`; if its columns have other names, write `physicalName`"
    return "A file begins with a header; where columns have other names, write `physicalName` at the contract's columns"


def _finds(opened: Opened, dialect: Dialect) -> bool:
    with suppress(UnicodeDecodeError):
        found = csv_text.read_header(opened.path, opened.gzipped, opened.census.ends_lines_with_cr_only, dialect)
        return found is not None and _has_columns(opened, found.names)
    return False


def _lines_before_header(opened: Opened, dialect: Dialect) -> int | None:
    with open_text(opened.path, opened.gzipped) as stream:
        for before in range(HEADER_IS_WITHIN):
            line = stream.readline(MAX_RECORD)
            parsed = csv_text.parse_record(line, 0, dialect)
            if parsed and _has_columns(opened, [field.decode("utf-8", "replace") for field in parsed[0]]):
                return before
    return None


def _has_columns(opened: Opened, names: Sequence[str]) -> bool:
    """Whether these are a header: they hold every required column, or all that there are, and one at least."""
    spelled = as_the_contract_spells(opened.contract, names)
    known = {column.name for column in opened.contract.columns}
    return bool(known & set(spelled)) and (set(opened.contract.required) or known) <= set(spelled)


def _is_for_duckdb(dialect: Dialect) -> bool:
    """Whether DuckDB tells the fields apart as this dialect does, to the letter."""
    plain = replace(dialect, delimiter=b",").is_standard and not (dialect.comment or dialect.fills or dialect.cuts)
    return plain and len(dialect.delimiter) == 1 and dialect.delimiter != b" "


def _relation(batch: Batch, files: Sequence[DataFile], layout: Layout) -> str:
    """The rows of CSV files as they are; lines that DuckDB cannot read go to the table REJECTS."""
    options = f"{text_columns(layout)}, {_dialect(layout)}, {reading(layout)}, {rejects_options()}"
    return with_files(batch, layout.columns, f"read_csv({paths(batch, files)}, {options})", by_position)


def _dialect(layout: Layout) -> str:
    header = literal(layout.options.text.header)
    return f"delim = {literal(layout.options.csv.delimiter)}, quote = '\"', escape = '\"', header = {header}"


def _records(opened: Opened, examined: Examined, sound: RowWriter) -> Iterator[BrokenLine]:
    cr_only = examined.ends_lines_with_cr_only
    text = opened.options.text
    dialect = Dialect.of(opened.options.csv, text)
    return csv_text.fix(opened.path, opened.gzipped, cr_only, examined.layout.width, sound, dialect, text.header)


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


FORMAT = Format(
    suffixes=(".csv", ".tsv", ".tab", ".psv"),
    examine=_examine,
    relation=_relation,
    records=_records,
    leftovers=_leftovers,
)
