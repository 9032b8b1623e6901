"""What every format says of its files: how their columns lie, how many rows there must be, and how they are read.

A format is a module beside this one with a `FORMAT`; `formats.FORMATS` has them all. Nothing here reads a row.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from duckdb import DuckDBPyConnection

from tidegate.contract.files import PLAIN_FILES, FileFormat, FileOptions
from tidegate.contract.model import CLOCK_OF_UTC, Clock, Contract
from tidegate.errors import TidegateError
from tidegate.intake.files.text import NOT_COUNTED, BrokenLine, Census, RowWriter

ADVICE = "Send CSV or JSON lines in UTF-8 (plain or gzip), or Parquet"

# DuckDB takes seconds to plan more. The widest real tables have some hundreds of columns.
MAX_COLUMNS = 2_000

# Of a header; its beginning tells what it is.
MAX_IN_MESSAGE = 200

# Marks of copied headers: they are no part of a name.
_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff]")

# However little it was packed to: of the worst that this may hold, DuckDB makes rows in half a minute.
ALWAYS_UNPACKED = 100 << 20


class UnreadableFileError(TidegateError):
    """A file that cannot be read at all. The message reads on from the file's name."""


@dataclass(frozen=True)
class Placed:
    """Where a contract's column is in a file: its position in a CSV, its name in a Parquet file, or the names that lead
    into a nested one."""

    name: str
    at: int | str | tuple[str, ...]
    sql_type: str = "VARCHAR"


@dataclass(frozen=True)
class Layout:
    """How to read a file. Files of one layout are read together. `width` is a CSV's number of columns, `options` say
    how its region writes, `clock` is the one that timestamps without an offset are written by."""

    format: FileFormat
    gzipped: bool
    width: int
    columns: tuple[Placed, ...]
    options: FileOptions = PLAIN_FILES
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
    # Where each of the layout's columns is known by another name or place: that, in the same order.
    taken: tuple[str, ...] = ()
    # JSON lines: lists of keys where each is there once, and spelled as the contract spells it.
    plain_keys: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class DataFile:
    """A file of a delivery: `name` is what it was called, `archived` where its bytes are.

    `number` is its position in the batch, which is in the order of deliveries and, within one, of names. `options` say
    how its region writes its files, `clock` is the one that its timestamps without an offset are written by.
    """

    number: int
    delivery: int
    day: dt.date
    name: str
    archived: Path
    options: FileOptions = PLAIN_FILES
    clock: Clock = CLOCK_OF_UTC


@dataclass(frozen=True)
class Batch:
    """All files that are read together. In `folder`, each file to be read goes by its number.

    So one file has one path even where the archive keeps the same bytes once for two deliveries, and a row's
    file is looked up by position. A join would say the same, but DuckDB then mixes up the order of the lines.
    """

    folder: Path
    files: Sequence[DataFile]
    plain_keys: set[tuple[str, ...]] = field(default_factory=set)

    def path(self, file: DataFile) -> Path:
        return self.folder / str(file.number)

    def file_at(self, path: str) -> DataFile:
        return self.files[int(Path(path).name)]


@dataclass(frozen=True)
class Opened:
    """A file as it is to be read: the bytes at `path`, of which only gzip may still be packed.

    `census` counts the lines of a text, `skipped` is how many of the file's lines stand before its first.
    """

    contract: Contract
    file: DataFile
    path: Path
    gzipped: bool = False
    census: Census = NOT_COUNTED
    skipped: int = 0

    @property
    def options(self) -> FileOptions:
        return self.file.options


@dataclass(frozen=True)
class Leftover:
    """The lines of a file that are no rows: how many broken ones, which `quote` gives, and blank ones."""

    broken: int = 0
    blank: int = 0
    quote: Callable[[], Iterable[BrokenLine]] = tuple


Relation = Callable[[Batch, Sequence[DataFile], Layout], str]
Leftovers = Callable[[DuckDBPyConnection, Batch, Layout, Mapping[DataFile, int]], dict[DataFile, Leftover]]


@dataclass(frozen=True)
class Format:
    """How files of one format are read.

    `examine` looks at one file, once through, and raises UnreadableFileError for one that cannot be read.
    `relation` is the SQL by which DuckDB reads files of one layout as they are. None: DuckDB does not read this format.
    `records` reads one file without DuckDB, record by record: it writes each as CSV and yields what is no record. It is
    for files that are not regular, and raises UnreadableFileError over one that is damaged after all.
    `leftovers` says, where DuckDB leaves out lines that are no rows, which of each file those are. It is given how many
    rows too few came out of each file.
    """

    suffixes: tuple[str, ...]
    examine: Callable[[Opened], Examined]
    relation: Relation | None = None
    records: Callable[[Opened, Examined, RowWriter], Iterator[BrokenLine]] | None = None
    leftovers: Leftovers | None = None


# --- what the columns of a file are to the contract


def refuse_too_many(names: Sequence[object]) -> None:
    if len(names) > MAX_COLUMNS:
        raise UnreadableFileError(
            f"has {len(names):,} columns, above the {MAX_COLUMNS:,} that are read. Send the contract's columns"
        )


def refuse_foreign_header(
    contract: Contract, names: Sequence[str], columns: Sequence[Placed], would_help: str = ""
) -> None:
    if not columns:
        expected = ", ".join(column.name for column in contract.columns[:4])
        more = ", ..." if len(contract.columns) > 4 else ""
        found = ", ".join(repr(name) for name in names)
        raise UnreadableFileError(
            f"has none of the contract's columns ({expected}{more}); its header is {shortened(found)}. "
            f"{would_help or ADVICE}"
        )
    twice = next((column.name for column in columns if names.count(column.name) > 1), None)
    if twice:
        raise UnreadableFileError(f"has two columns named {twice}, and which one is meant nobody can tell")


def placed_by_name(
    opened: Opened, file_format: FileFormat, names: Sequence[str], types: Mapping[str, str] | None = None
) -> Examined:
    """A file whose `records` writes the contract's columns that are among `names`, in the contract's order.

    `types` are those of times, by name. One that is a time already is not read by a format that the contract has for
    texts: by `yyyy-dd-MM` the text of 5 March would be another day.
    """
    contract = opened.contract
    spelled = as_the_contract_spells(contract, names)
    found = [column.name for column in contract.columns if column.name in spelled]
    of_times = {name: (types or {}).get(names[spelled.index(name)], "VARCHAR") for name in found}
    has_format = {c.name for c in contract.columns if c.formats_in(c.written(opened.options.values))}
    columns = tuple(
        Placed(name, position, of_times[name] if name in has_format else "VARCHAR")
        for position, name in enumerate(found)
    )
    refuse_foreign_header(contract, spelled, columns)
    taken = tuple(names[spelled.index(name)] for name in found)
    return Examined(Layout(file_format, False, len(columns), columns), spelled, 0, taken=taken)


def placed_by_key(opened: Opened, file_format: FileFormat, added: Sequence[str]) -> Examined:
    """A file whose records name their values, `added` among them that are none of the contract's. A record may leave
    out what is null, so no column can be told to be missing."""
    known = tuple(column.name for column in opened.contract.columns)
    columns = tuple(Placed(name, position) for position, name in enumerate(known))
    return Examined(Layout(file_format, False, len(known), columns), (*known, *added), 0)


def as_the_contract_spells(contract: Contract, names: Sequence[str]) -> tuple[str, ...]:
    """The names as delivered, those of a contract's columns replaced by the column's own: `delivered_as` says under
    which others it may come. Case, and what looks like a space or like nothing, make no difference."""
    exact = {column.name for column in contract.columns} & set(names)
    alike: dict[str, str] = {}
    for column in contract.columns:
        if column.name not in exact:
            alike |= {_alike(name): column.name for name in (column.name, *column.delivered_as)}
    also = {name: column.name for column in contract.columns for name in column.delivered_as if name in names}
    return tuple(name if name in exact else also.get(name) or alike.get(_alike(name), name) for name in names)


def _alike(name: str) -> str:
    return " ".join(_INVISIBLE.sub("", name).split()).lower()


def decimal_marks(opened: Opened, names: Sequence[str]) -> tuple[str, ...]:
    """By column what stands for the point of a number that is no text: it is judged by the notation of those that are,
    and with `decimal: ","` and `thousands: "."` 1.500 would be 1500."""
    columns = (opened.contract.column(name) for name in names)
    return tuple(
        column.written(opened.options.values).decimal if column.logical_type in ("integer", "number") else "."
        for column in columns
    )


# --- what is too much


def most_unpacked(contract: Contract, file: DataFile) -> int:
    return max(ALWAYS_UNPACKED, contract.max_unpacked_ratio * file.archived.stat().st_size)


def trap(contract: Contract, what: str) -> UnreadableFileError:
    return UnreadableFileError(
        f"unpacks to more than {what}, over {contract.max_unpacked_ratio} times its size. "
        f"If it is right, raise `maxUnpackedRatio` in {contract.label}, or send it in parts"
    )


def is_sparse(marks: int | None, expected: int) -> bool:
    """Whether most lines cannot be rows, for want of what every row has: each would cost DuckDB 10 microseconds."""
    return marks is not None and 2 * marks < expected


def shortened(text: str) -> str:
    """Of what a file holds, as much as a message can show."""
    return text if len(text) <= MAX_IN_MESSAGE else f"{text[:MAX_IN_MESSAGE]} ..."
