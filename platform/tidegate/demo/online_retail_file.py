"""Reading UCI Online Retail, or its second version of two years, in the forms in which it is handed around: Parquet,
the .xlsx of UCI, packed or not, .csv.

Ends in one table, `source`, the same whatever the form was. Slicing it into deliveries is for
`online_retail`.
"""

from __future__ import annotations

import csv
import datetime as dt
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import duckdb

from tidegate.errors import TidegateError
from tidegate.lake.sql import literal, quoted

COLUMNS = ("InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
# As the second version of the data set calls them.
_ALSO_CALLED = {"Invoice": "InvoiceNo", "Price": "UnitPrice", "Customer ID": "CustomerID"}
# Which of a workbook's sheets a line is from.
SHEET = "Sheet"
_EXPECTED = (
    "Expected is UCI Online Retail or Online Retail II as published, a .parquet, .xlsx, .zip or .csv file with columns "
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
    _drop_repeated_days(con)
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
                _load_csv(con, source, _book_as_csv(source, source, Path(scratch)))
        case ".zip":
            with tempfile.TemporaryDirectory(prefix="tidegate-") as scratch:
                book = _unpacked(source, Path(scratch))
                _load_csv(con, source, _book_as_csv(source, book, Path(scratch)))
        case _:
            raise TidegateError(f"{source} is of no known form. {_EXPECTED}")


def _load_parquet(con: duckdb.DuckDBPyConnection, source: Path) -> None:
    reader = f"read_parquet({literal(str(source))})"
    present = [str(name) for name, *_ in con.execute(f"describe from {reader}").fetchall()]
    names = _renamed(present)
    _refuse_missing_columns(source, names)
    columns = ", ".join(f"{quoted(present[names.index(name)])}::varchar as {quoted(name)}" for name in COLUMNS)
    con.execute(f"create temp table delivered as select {columns}, 0 as {SHEET} from {reader}")


def _load_csv(con: duckdb.DuckDBPyConnection, source: Path, file: Path) -> None:
    """Nothing is left to DuckDB's guesses: over a broken line it would take another one for the header."""
    with file.open(encoding="utf-8-sig", newline="") as lines:
        header = _renamed(next(csv.reader(lines), []))
    _refuse_missing_columns(source, header)
    types = ", ".join(f"'c{at}': 'varchar'" for at in range(len(header)))
    columns = ", ".join(f"c{header.index(name)} as {quoted(name)}" for name in COLUMNS)
    sheet = f"c{header.index(SHEET)}::integer" if SHEET in header else "0"
    con.execute(f"""
        create temp table delivered as
        select {columns}, {sheet} as {SHEET} from read_csv(
            {literal(str(file))},
            auto_detect = false, header = true, delim = ',', quote = '"', escape = '"', columns = {{{types}}}
        )
    """)


def _renamed(header: Iterable[str]) -> list[str]:
    """The names as the first version of the data set has them."""
    return [_ALSO_CALLED.get(name, name) for name in header]


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


def _unpacked(source: Path, scratch: Path) -> Path:
    """The one workbook in an archive, as UCI gives it."""
    with zipfile.ZipFile(source) as archive:
        books = [member for member in archive.infolist() if member.filename.lower().endswith(".xlsx")]
        if len(books) != 1:
            raise TidegateError(f"{source} holds {len(books)} workbooks, where one is expected. {_EXPECTED}")
        with archive.open(books[0]) as packed, (scratch / "book.xlsx").open("wb") as copy:
            shutil.copyfileobj(packed, copy)
    return scratch / "book.xlsx"


def _book_as_csv(source: Path, book: Path, scratch: Path) -> Path:
    """The sheets of a workbook, streamed into one CSV file: DuckDB reads that faster than it takes rows."""
    import openpyxl  # 0.3 s that only the .xlsx pays

    workbook = openpyxl.load_workbook(book, read_only=True, data_only=True)
    try:
        sheets = [sheet.iter_rows(values_only=True) for sheet in workbook.worksheets]
        headers = [_renamed("" if name is None else str(name) for name in next(rows, ())) for rows in sheets]
        tables = [(header, rows) for header, rows in zip(headers, sheets, strict=True) if set(COLUMNS) <= set(header)]
        if not tables:
            _refuse_missing_columns(source, headers[0])
        return _write_csv(scratch / "sheets.csv", tables)
    finally:
        workbook.close()


def _write_csv(file: Path, tables: Sequence[tuple[list[str], Iterator[Sequence[object]]]]) -> Path:
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow([*COLUMNS, SHEET])
        for number, (header, rows) in enumerate(tables):
            places = [header.index(name) for name in COLUMNS]
            # A sheet often ends in rows that once held something.
            given = (row for row in rows if any(value is not None for value in row))
            writer.writerows([*(_cell(row[place]) for place in places), number] for row in given)
    return file


def _cell(value: object) -> object:
    if isinstance(value, dt.datetime):
        # Excel's day fractions come out some microseconds off.
        return (value + dt.timedelta(milliseconds=500)).replace(microsecond=0).isoformat(sep=" ")
    return value


def _drop_repeated_days(con: duckdb.DuckDBPyConnection) -> None:
    """The sheets of the second version have nine days in common, line by line: they are taken from the later one."""
    begins = con.execute(f"""
        select {SHEET}, min({_moment()})::date as first from delivered group by {SHEET} order by first
    """).fetchall()
    for (sheet, _), (_, until) in pairwise(begins):
        con.execute(f"delete from delivered where {SHEET} = {sheet} and {_moment()}::date >= {literal(until)}")


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
