"""Excel workbooks: the rows below a sheet's header. What is in a cell is `workbook`'s to read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from tidegate.intake.files import workbook
from tidegate.intake.files.formats.layout import (
    Examined,
    Format,
    Opened,
    UnreadableFileError,
    as_the_contract_spells,
    decimal_marks,
    most_unpacked,
    placed_by_name,
    refuse_too_many,
)
from tidegate.intake.files.text import BrokenLine, RowWriter

# So far down a header is looked for, to say where it is.
_LOOKED_FOR_HEADER = 50
EVERY_SHEET = "*"


def _examine(opened: Opened) -> Examined:
    headers = [_header(opened, sheet).cells for sheet in _sheets(opened)]
    names = tuple(dict.fromkeys(name for header in headers for name in header if name))
    for header in headers:
        refuse_too_many(header)
        spelled = as_the_contract_spells(opened.contract, header)
        if twice := next((column.name for column in opened.contract.columns if spelled.count(column.name) > 1), None):
            raise UnreadableFileError(f"has two columns named {twice}, and which one is meant nobody can tell")
    return placed_by_name(opened, "xlsx", names)


def _records(opened: Opened, examined: Examined, sound: RowWriter) -> Iterator[BrokenLine]:
    null_words = set(opened.options.values.null_words)
    wanted = [column.name for column in examined.layout.columns]
    marks = decimal_marks(opened, wanted)
    for sheet in _sheets(opened):
        header = _header(opened, sheet)
        spelled = as_the_contract_spells(opened.contract, header.cells)
        places = [spelled.index(name) if name in spelled else None for name in wanted]
        for row in _rows(opened, sheet):
            if row.number <= header.number:
                continue
            unknown = {at for at in row.unknown if at >= len(row.cells) or row.cells[at] not in null_words}
            values = [_value(row, at, mark) for at, mark in zip(places, marks, strict=True)]
            if unknown & set(places) or any("\0" in value for value in values):
                yield _broken(row)
                continue
            try:
                sound.add([value.encode("utf-8") for value in values])
            except UnicodeEncodeError:
                yield _broken(row)


def _value(row: workbook.Row, at: int | None, mark: str) -> str:
    if at is None or at >= len(row.cells):
        return ""
    return row.cells[at].replace(".", mark) if at in row.numbers else row.cells[at]


def _broken(row: workbook.Row) -> BrokenLine:
    why = "; ".join(row.unknown.values())
    shown = ("\t".join(row.cells) + (f" [{why}]" if why else "")).encode("utf-8", "backslashreplace")
    return BrokenLine(row.number, shown, len(shown))


def _sheets(opened: Opened) -> list[str]:
    """The sheets to read: those that the contract names, or else the only one."""
    try:
        there = workbook.sheet_names(opened.path, most_unpacked(opened.contract, opened.file))
    except workbook.WorkbookError as error:
        raise UnreadableFileError(str(error)) from error
    wanted = opened.options.xlsx.sheets
    if EVERY_SHEET in wanted:
        return there
    if lacking := [name for name in wanted if name not in there]:
        raise UnreadableFileError(f"has no sheet '{lacking[0]}'. It has: {', '.join(there)}")
    if not wanted and len(there) != 1:
        raise UnreadableFileError(
            f"has {len(there)} sheets ({', '.join(there)}). Write as `sheet` which to read, or '*'"
        )
    return list(wanted) or there


def _header(opened: Opened, sheet: str) -> workbook.Row:
    rows = _rows(opened, sheet)
    number = opened.options.xlsx.header_row
    first = next((row for row in rows if number is None or row.number >= number), None)
    if first is None or (number is not None and first.number != number):
        raise UnreadableFileError(f"has no header in row {number or 1} of the sheet '{sheet}'")
    if not _names_columns(opened, first):
        below = next((row for row in islice(rows, _LOOKED_FOR_HEADER) if _names_columns(opened, row)), None)
        if below:
            raise UnreadableFileError(
                f"has none of the contract's columns in row {first.number} of the sheet '{sheet}', "
                f"but in row {below.number}. Write `headerRow: {below.number}`"
            )
    return first


def _names_columns(opened: Opened, row: workbook.Row) -> bool:
    spelled = as_the_contract_spells(opened.contract, row.cells)
    return any(column.name in spelled for column in opened.contract.columns)


def _rows(opened: Opened, sheet: str) -> Iterator[workbook.Row]:
    try:
        yield from workbook.rows(opened.path, sheet)
    except workbook.WorkbookError as error:
        raise UnreadableFileError(str(error)) from error


FORMAT = Format(suffixes=(".xlsx", ".xlsm"), examine=_examine, records=_records)
