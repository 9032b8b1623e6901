"""ORC files, by Arrow."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.intake.files import arrow_text
from tidegate.intake.files.formats.layout import (
    Examined,
    Format,
    Opened,
    UnreadableFileError,
    decimal_marks,
    most_unpacked,
    placed_by_name,
    refuse_too_many,
    trap,
)
from tidegate.intake.files.text import BrokenLine, RowWriter


def _examine(opened: Opened) -> Examined:
    if not arrow_text.is_installed("pyarrow"):
        raise UnreadableFileError(f"is an ORC file. {arrow_text.HOW_TO_GET_IT}")
    try:
        file = arrow_text.describe("orc", opened.path)
    except arrow_text.ArrowError as error:
        raise UnreadableFileError(f"is a damaged ORC file ({error})") from error
    refuse_too_many(file.names)
    most = most_unpacked(opened.contract, opened.file)
    if file.rows * len(opened.contract.columns) > most:
        raise trap(opened.contract, f"{most:,} values")
    examined = placed_by_name(opened, "orc", file.names, file.times)
    if bytes_in := [name for name in examined.taken if name in file.of_bytes]:
        raise UnreadableFileError(f"has bytes in the column {bytes_in[0]}, and no text says what they are")
    return examined


def _records(opened: Opened, examined: Examined, sound: RowWriter) -> Iterator[BrokenLine]:
    marks = decimal_marks(opened, [column.name for column in examined.layout.columns])
    try:
        arrow_text.write_rows("orc", opened.path, examined.taken, marks, sound)
    except arrow_text.ArrowError as error:
        raise UnreadableFileError(f"is a damaged ORC file ({error})") from error
    yield from ()


FORMAT = Format(suffixes=(".orc",), examine=_examine, records=_records)
