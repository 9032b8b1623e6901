"""What is in an Excel workbook (.xlsx): its sheets' rows, with each cell as the text that says the same.

Excel knows numbers, which are doubles, dates, which are numbers with a format, texts, truths and errors. A formula is
the value that Excel last made of it, and a program that is not Excel may have written none: then nobody knows it.
Which rows are records belongs to `formats.xlsx`. openpyxl, because it alone tells a formula without a value from an
empty cell; at 4 microseconds a cell.
"""

from __future__ import annotations

import datetime as dt
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

from tidegate.errors import TidegateError

# Excel's own limit. A row with a higher number is damage, and the empty ones before it would take for ever.
MAX_ROWS = 1_048_576

# What openpyxl raises over a file that is not as Excel writes it. (An error of XML is a SyntaxError.)
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, SyntaxError, EOFError, OSError),
    *(ArithmeticError, AttributeError, LookupError, NotImplementedError, RuntimeError, TypeError, ValueError),
)
_FORMULA = re.compile(rb"<(?:\w+:)?f[ />]")
_BLOCK = 1 << 20


class WorkbookError(TidegateError):
    """A workbook that cannot be read, or lacks what the contract names. The message reads on from the file's name."""


@dataclass(frozen=True)
class Row:
    """A row that has anything in it, `number` as Excel shows it. `unknown`: by position why a cell has no value.
    `numbers` are the positions of numbers with a point."""

    sheet: str
    number: int
    cells: tuple[str, ...]
    unknown: dict[int, str]
    numbers: frozenset[int]


def sheet_names(path: Path, largest: int) -> list[str]:
    """The names of the sheets with cells. Raises WorkbookError, also above `largest` unpacked bytes."""
    with _damage_as_error(), path.open("rb") as stream:
        with zipfile.ZipFile(stream) as packed:
            if sum(part.file_size for part in packed.infolist()) > largest:
                raise WorkbookError(f"is a workbook that unpacks to more than {largest:,} bytes")
        book = _opened(stream)
        return [sheet.title for sheet in book.worksheets]


def rows(path: Path, sheet: str) -> Iterator[Row]:
    """The rows of a sheet, in order. Raises WorkbookError."""
    with _damage_as_error(), path.open("rb") as values, path.open("rb") as formulas:
        written = _cells(formulas, sheet, data_only=False) if _has_formulas(path) else repeat(())
        both = zip(_cells(values, sheet, data_only=True), written, strict=False)
        for number, (cells, as_written) in enumerate(both, start=1):
            if number > MAX_ROWS:
                raise WorkbookError(f"is a damaged workbook: a row is numbered above {MAX_ROWS:,}")
            if row := _row(sheet, number, cells, as_written):
                yield row


def _has_formulas(path: Path) -> bool:
    with zipfile.ZipFile(path) as packed:
        for name in packed.namelist():
            if not name.lower().endswith(".xml") or "worksheets" not in name:
                continue
            with packed.open(name) as part:
                before = b""
                while block := part.read(_BLOCK):
                    if _FORMULA.search(before + block):
                        return True
                    before = block[-64:]
    return False


def _opened(stream: Any, data_only: bool = False) -> Any:
    # Not above: it brings numpy along, which only who reads a workbook pays for.
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        return load_workbook(stream, read_only=True, data_only=data_only, keep_links=False)
    except InvalidFileException as error:
        raise _damaged(error) from error


def _cells(stream: Any, sheet: str, *, data_only: bool) -> Iterator[Sequence[Any]]:
    book = _opened(stream, data_only)
    found = book[sheet]
    # What a sheet says of its size may be wrong, and rows are padded to it.
    found.reset_dimensions()
    yield from found.iter_rows()


def _row(sheet: str, number: int, cells: Sequence[Any], as_written: Sequence[Any]) -> Row | None:
    texts = [_text(cell.value) for cell in cells]
    unknown = {
        at: f"the cell {cell.coordinate} has the error {cell.value}"
        for at, cell in enumerate(cells)
        if cell.value is not None and cell.data_type == "e"
    }
    for at, cell in enumerate(as_written):
        if cell.value is not None and cell.data_type == "f" and (at >= len(cells) or cells[at].value is None):
            unknown[at] = f"the cell {cell.coordinate} has a formula without a value"
            texts += [""] * (at + 1 - len(texts))
    if not unknown and not any(texts):
        return None
    numbers = frozenset(at for at, cell in enumerate(cells) if isinstance(cell.value, float))
    return Row(sheet, number, tuple(texts), unknown, numbers)


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case dt.datetime():
            # With a T, so that no pattern that a contract has for texts takes it for another day.
            return value.isoformat()
        case dt.date() | dt.time():
            return value.isoformat()
        case dt.timedelta() if dt.timedelta(0) <= value < dt.timedelta(days=1):
            return (dt.datetime(1900, 1, 1, tzinfo=dt.UTC) + value).time().isoformat()
    return str(value)


@contextmanager
def _damage_as_error() -> Iterator[None]:
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    except _DAMAGE as error:
        if isinstance(error, TidegateError):
            raise
        raise _damaged(error) from error


def _damaged(error: Exception) -> WorkbookError:
    return WorkbookError(f"is a damaged workbook ({type(error).__name__}: {error})")
