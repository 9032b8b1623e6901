"""What kind of file this is and how its columns lie, or why nobody can read it.

Bytes speak louder than names: gzip data is unpacked, and Parquet is read as Parquet whatever the file is
called. Reading rows belongs to `readers`.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from tidegate.contract.model import CLOCK_OF_UTC, Clock, Contract, FileFormat
from tidegate.errors import TidegateError
from tidegate.intake.files import csv_text, json_text
from tidegate.intake.files.text import Census, census, open_text
from tidegate.lake.sql import literal

SUFFIXES: dict[str, FileFormat] = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
}
GZIP = b"\x1f\x8b"
PARQUET = b"PAR1"
FOREIGN = {
    b"PK\x03\x04": "is a ZIP archive or an Excel workbook",
    b"\x28\xb5\x2f\xfd": "is compressed with zstd",
    b"BZh": "is compressed with bzip2",
    b"\xfd7zXZ": "is compressed with xz",
    b"\xff\xfe": "is UTF-16 text",
    b"\xfe\xff": "is UTF-16 text",
    GZIP: "is a gzip file inside a gzip file",
    PARQUET: "is a Parquet file inside a gzip file",
}
ADVICE = "Send CSV or JSON lines in UTF-8 (plain or gzip), or Parquet"

# DuckDB takes seconds to plan more. The widest real tables have some hundreds of columns.
MAX_COLUMNS = 2_000

# However little it was packed to: of the worst that this may hold, DuckDB makes rows in half a minute.
ALWAYS_UNPACKED = 100 << 20

# After one of these DuckDB answers nothing more: its connection, and all others of the same database, are lost.
ENGINE_FAULTS = (duckdb.InternalException, duckdb.FatalException)

# What DuckDB says when the disk that it spills to, and no file, is at fault.
_FULL_DISK = ("no space left", "disk quota", "file too large", "read-only file system", "max_temp_directory_size")

# A file that looks into nothing and writes nothing needs no more.
_PROBE: dict[str, str | bool | int | float | list[str]] = {"threads": "1", "memory_limit": "1GB"}


class UnreadableFileError(TidegateError):
    """A file that cannot be read at all. The message reads on from the file's name."""


@dataclass(frozen=True)
class Placed:
    """Where a contract's column is in a file: its position in a CSV, its name in a Parquet file."""

    name: str
    at: int | str
    sql_type: str = "VARCHAR"


@dataclass(frozen=True)
class Layout:
    """How to read a file. Files of one layout are read together. `width` is a CSV's number of columns, `clock` the one
    that timestamps without an offset are written by."""

    format: FileFormat
    gzipped: bool
    width: int
    columns: tuple[Placed, ...]
    clock: Clock = CLOCK_OF_UTC


@dataclass(frozen=True)
class Examined:
    """A file that can be read: `header` names its columns, the contract's ones as the contract spells them.

    `rows` is how many rows its reader must find, by another's count: lines without the header, broken and
    blank ones included, or what a Parquet file says itself. `is_regular`: nothing in it is known to mislead a
    reader.
    """

    layout: Layout
    header: tuple[str, ...]
    rows: int
    is_regular: bool = True
    ends_lines_with_cr_only: bool = False
    has_quotes: bool = False
    lines_before: int = 0


def examine(contract: Contract, path: Path, name: str, declared: FileFormat | None) -> Examined:
    """Look at a file, once through. Raises UnreadableFileError."""
    format_, gzipped = kind_of(path, name, declared)
    if format_ == "parquet":
        return _examine_parquet(contract, path)
    with _damage_as_error():
        most = _most_unpacked(contract, path)
        counted = census(path, gzipped, most)
        if counted is None:
            raise _trap(contract, f"{most:,} bytes")
        if format_ == "json":
            return _examine_json(contract, path, gzipped, counted)
        return _examine_csv(contract, path, gzipped, counted)


def kind_of(path: Path, name: str, declared: FileFormat | None) -> tuple[FileFormat, bool]:
    """The file's format and whether it is gzipped. Raises UnreadableFileError."""
    with path.open("rb") as stream:
        start = stream.read(4)
    if start == PARQUET:
        return "parquet", False
    gzipped = start.startswith(GZIP)
    with _damage_as_error(), open_text(path, gzipped) as stream:
        head = stream.read(8)
    for magic, what in FOREIGN.items():
        if head.startswith(magic):
            raise UnreadableFileError(f"{what}. {ADVICE}")
    return _text_format(name, declared, head), gzipped


def _text_format(name: str, declared: FileFormat | None, head: bytes) -> FileFormat:
    chosen = declared or SUFFIXES.get(Path(name.lower().removesuffix(".gz")).suffix)
    if chosen is None:
        raise UnreadableFileError(
            f"has a name that does not tell its format. {ADVICE}, or set `format` at the contract's server"
        )
    if chosen == "parquet":
        raise UnreadableFileError(f"does not begin as a Parquet file does. {ADVICE}")
    if chosen == "csv" and not head:
        raise UnreadableFileError("is empty. A day without rows is a file with only its header")
    return chosen


def _examine_csv(contract: Contract, path: Path, gzipped: bool, counted: Census) -> Examined:
    try:
        header = csv_text.read_header(path, gzipped, counted.ends_lines_with_cr_only)
    except UnicodeDecodeError as error:
        raise UnreadableFileError(f"has a first line that is not UTF-8. {ADVICE}") from error
    if header is None:
        what = "is binary data" if counted.nuls else "has no first line that could name its columns"
        raise UnreadableFileError(f"{what}. {ADVICE}")
    _refuse_too_many(header.names)
    names = _as_the_contract_spells(contract, header.names)
    columns = tuple(Placed(c.name, names.index(c.name)) for c in contract.columns if c.name in names)
    _refuse_foreign_header(contract, names, columns)
    layout = Layout("csv", gzipped, len(names), columns)
    return Examined(
        layout,
        names,
        counted.lines - header.lines,
        counted.is_regular and header.lines == 1 and not _is_sparse(counted.commas, counted.lines * (len(names) - 1)),
        counted.ends_lines_with_cr_only,
        counted.quotes,
        header.lines,
    )


def _refuse_too_many(names: Sequence[str]) -> None:
    if len(names) > MAX_COLUMNS:
        raise UnreadableFileError(
            f"has {len(names):,} columns, above the {MAX_COLUMNS:,} that are read. Send the contract's columns"
        )


def _refuse_foreign_header(contract: Contract, names: Sequence[str], columns: Sequence[Placed]) -> None:
    if not columns:
        expected = ", ".join(column.name for column in contract.columns[:4])
        raise UnreadableFileError(
            f"has none of the contract's columns ({expected}, ...). A CSV file begins with a header, "
            "its names separated by commas"
        )
    twice = next((column.name for column in columns if names.count(column.name) > 1), None)
    if twice:
        raise UnreadableFileError(f"has two columns named {twice}, and which one is meant nobody can tell")


def _as_the_contract_spells(contract: Contract, names: Sequence[str]) -> tuple[str, ...]:
    """The names, those that differ from a contract's column by case and spaces only replaced by it."""
    exact = {column.name for column in contract.columns} & set(names)
    alike = {c.name.lower(): c.name for c in contract.columns if c.name not in exact}
    return tuple(name if name in exact else alike.get(name.strip().lower(), name) for name in names)


def _examine_json(contract: Contract, path: Path, gzipped: bool, counted: Census) -> Examined:
    # A JSON object may leave out what is null, so no column can be told to be missing from the file.
    known = tuple(column.name for column in contract.columns)
    columns = tuple(Placed(name, position) for position, name in enumerate(known))
    layout = Layout("json", gzipped, len(known), columns)
    header = known + json_text.added_keys(path, gzipped, known)
    is_regular = counted.is_regular and not _is_sparse(counted.braces, counted.lines)
    return Examined(layout, header, counted.lines, is_regular)


def _examine_parquet(contract: Contract, path: Path) -> Examined:
    file = literal(str(path))
    try:
        with probe() as con:
            described = con.execute(
                f"describe select * from read_parquet({file}, hive_partitioning = false)"
            ).fetchall()
            counted = con.execute(f"select num_rows from parquet_file_metadata({file})").fetchone()
    # Of any kind: on damage that it does not expect, DuckDB raises its base class and faults of its own.
    except duckdb.Error as error:
        raise UnreadableFileError(f"is a damaged Parquet file ({first_line(error)})") from error
    rows, most = counted[0] if counted else 0, _most_unpacked(contract, path)
    if rows * len(contract.columns) > most:
        raise _trap(contract, f"{most:,} values")
    types = {str(row[0]): str(row[1]) for row in described}
    _refuse_too_many(list(types))
    spelled = _as_the_contract_spells(contract, list(types))
    columns = tuple(
        Placed(name, given, types[given])
        for name, given in zip(spelled, types, strict=True)
        if any(column.name == name for column in contract.columns)
    )
    _refuse_foreign_header(contract, spelled, columns)
    return Examined(Layout("parquet", False, len(types), columns), spelled, rows)


def _is_sparse(marks: int | None, expected: int) -> bool:
    """Whether most lines cannot be rows, for want of what every row has: each would cost DuckDB 10 microseconds."""
    return marks is not None and 2 * marks < expected


def _most_unpacked(contract: Contract, path: Path) -> int:
    return max(ALWAYS_UNPACKED, contract.max_unpacked_ratio * path.stat().st_size)


def _trap(contract: Contract, what: str) -> UnreadableFileError:
    return UnreadableFileError(
        f"unpacks to more than {what}, over {contract.max_unpacked_ratio} times its size. "
        f"If it is right, raise `maxUnpackedRatio` in {contract.label}, or send it in parts"
    )


def probe() -> DuckDBPyConnection:
    """A DuckDB of its own, to look at a file that may be the end of it."""
    return duckdb.connect(config=_PROBE)


def blames_the_file(error: duckdb.Error) -> bool:
    """Whether a failure of DuckDB's over a file is the file's, and not the disk's or its own."""
    text = str(error).lower()
    return not isinstance(error, (*ENGINE_FAULTS, duckdb.InterruptException)) and not any(
        sign in text for sign in _FULL_DISK
    )


def first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]


@contextmanager
def _damage_as_error() -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableFileError(f"is a damaged gzip file ({error})") from error
