"""Reading UCI Online Retail in the forms in which it is handed around: Parquet, the .xlsx of UCI, .csv.

Ends in one table, `source`, the same whatever the form was. Slicing it into deliveries is for
`online_retail`.
"""

from __future__ import annotations

import csv
import datetime as dt
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree import ElementTree

import duckdb

from tidegate.errors import TidegateError
from tidegate.lake.sql import literal, quoted

COLUMNS = ("InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
_EXPECTED = (
    "Expected is UCI Online Retail as it is published, a .parquet, .xlsx or .csv file with the columns "
    f"{', '.join(COLUMNS)}. Nothing was written."
)
# As Parquet and pandas write them, as Kaggle does (month first), and day first with dashes.
_DATE_FORMATS = ["%Y-%m-%d %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%d-%m-%Y %H:%M"]
# What DuckDB, csv and openpyxl raise for files that are not what their names say, or that may not be read.
_UNREADABLE = (
    duckdb.Error,
    csv.Error,
    zipfile.BadZipFile,
    ElementTree.ParseError,
    LookupError,
    ValueError,
    OSError,
)


def load_source(con: duckdb.DuckDBPyConnection, source: Path) -> None:
    """Create the temporary table `source`: typed, one row per line, `position` its place in the file from 0.

    Raises TidegateError for what is no such file, and for a line with a value that cannot be read.
    """
    if not source.is_file():
        raise TidegateError(f"There is no file {source}. {_EXPECTED}")
    try:
        _load_text(con, source)
    except _UNREADABLE as error:
        raise TidegateError(f"{source} could not be read: {_first_line(error)}. {_EXPECTED}") from error
    _refuse_unreadable_values(con, source)
    con.execute(f"create temp table source as {_typed()}")
    con.execute("drop table delivered")


def _load_text(con: duckdb.DuckDBPyConnection, source: Path) -> None:
    """Create the temporary table `delivered`: the columns as text, in file order."""
    match source.suffix.lower():
        case ".parquet":
            _load_parquet(con, source)
        case ".csv":
            with tempfile.TemporaryDirectory(prefix="tidegate-") as scratch:
                _load_csv(con, source, _as_utf8(source, Path(scratch)))
        case ".xlsx":
            with tempfile.TemporaryDirectory(prefix="tidegate-") as scratch:
                _load_csv(con, source, _sheet_as_csv(source, Path(scratch)))
        case _:
            raise TidegateError(f"{source} is of no known form. {_EXPECTED}")


def _load_parquet(con: duckdb.DuckDBPyConnection, source: Path) -> None:
    reader = f"read_parquet({literal(str(source))})"
    _refuse_missing_columns(source, [str(name) for name, *_ in con.execute(f"describe from {reader}").fetchall()])
    columns = ", ".join(f"{quoted(name)}::varchar as {quoted(name)}" for name in COLUMNS)
    con.execute(f"create temp table delivered as select {columns} from {reader}")


def _load_csv(con: duckdb.DuckDBPyConnection, source: Path, file: Path) -> None:
    """Nothing is left to DuckDB's guesses: over a broken line it would take another one for the header."""
    with file.open(encoding="utf-8-sig", newline="") as lines:
        header = next(csv.reader(lines), [])
    _refuse_missing_columns(source, header)
    types = ", ".join(f"'c{at}': 'varchar'" for at in range(len(header)))
    columns = ", ".join(f"c{header.index(name)} as {quoted(name)}" for name in COLUMNS)
    con.execute(f"""
        create temp table delivered as
        select {columns} from read_csv(
            {literal(str(file))},
            auto_detect = false, header = true, delim = ',', quote = '"', escape = '"', columns = {{{types}}}
        )
    """)


def _refuse_missing_columns(source: Path, present: Sequence[str]) -> None:
    missing = [name for name in COLUMNS if name not in present]
    if missing:
        has = ", ".join(present) or "none"
        raise TidegateError(f"{source} lacks the columns {', '.join(missing)}. It has: {has}. {_EXPECTED}")


def _as_utf8(source: Path, scratch: Path) -> Path:
    """The file itself if it is UTF-8; else a copy, taken for the Windows-1252 or Latin-1 that Excel saves."""
    content = source.read_bytes()
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        copy = scratch / "utf8.csv"
        copy.write_text(content.decode("cp1252", errors="replace"), encoding="utf-8", newline="")
        return copy
    return source


def _sheet_as_csv(source: Path, scratch: Path) -> Path:
    """The workbook's first sheet, streamed into a CSV file: DuckDB reads that faster than it takes rows."""
    import openpyxl  # 0.3 s that only the .xlsx pays

    workbook = openpyxl.load_workbook(source, read_only=True, data_only=True)
    try:
        rows = workbook.worksheets[0].iter_rows(values_only=True)
        header = ["" if name is None else str(name) for name in next(rows, ())]
        _refuse_missing_columns(source, header)
        return _write_csv(scratch / "sheet.csv", header, rows)
    finally:
        workbook.close()


def _write_csv(file: Path, header: list[str], rows: Iterable[Sequence[object]]) -> Path:
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(header)
        # A sheet often ends in rows that once held something.
        writer.writerows(map(_cell, row) for row in rows if any(value is not None for value in row))
    return file


def _cell(value: object) -> object:
    if isinstance(value, dt.datetime):
        # Excel's day fractions come out some microseconds off.
        return (value + dt.timedelta(milliseconds=500)).replace(microsecond=0).isoformat(sep=" ")
    return value


def _refuse_unreadable_values(con: duckdb.DuckDBPyConnection, source: Path) -> None:
    checks = {
        "InvoiceDate": (_moment(), "a time like 12/1/2010 8:26 or 2010-12-01 08:26:00"),
        "Quantity": (_quantity(), "a whole number"),
        "UnitPrice": (_price(), "a decimal number"),
    }
    for column, (parsed, expected) in checks.items():
        # A line without a date belongs to no day; any other missing value is for the gate to judge.
        is_given = "true" if column == "InvoiceDate" else f"{column} is not null"
        found = con.execute(f"""
            select rowid, {column} from delivered where {parsed} is null and {is_given} order by rowid limit 1
        """).fetchall()
        for position, value in found:
            raise TidegateError(
                f"Data row {position + 1:,} of {source}: {column} is {value!r}, not {expected}. "
                f"Fix it and run again. {_EXPECTED}"
            )


def _typed() -> str:
    return f"""
        select
            rowid as position,
            {_code("InvoiceNo")} as invoice,
            {_code("StockCode")} as stock_code,
            {_quantity()} as quantity,
            {_moment()} as invoiced_at,
            -- all decimals, and no zeros after them, so that every form of the file gives the same text
            rtrim(rtrim({_price()}::varchar, '0'), '.') as unit_price,
            {_code("CustomerID")} as customer_id,
            Country as country
        from delivered
        order by rowid
    """


def _code(column: str) -> str:
    """A code as text: 17850.0, as a column of numbers with gaps is often saved, is 17850."""
    return f"regexp_replace({column}, '^([0-9]+)[.]0$', '\\1')"


def _moment() -> str:
    return f"try_strptime(InvoiceDate, {literal(_DATE_FORMATS)})"


def _quantity() -> str:
    # A cast alone would round 3.5 to 4.
    return "try_cast(regexp_extract(Quantity, '^(-?[0-9]+)([.]0+)?$', 1) as bigint)"


def _price() -> str:
    return "try_cast(UnitPrice as decimal(38, 18))"


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".")
