"""ORC files, by Arrow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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


def _open(opened: Opened) -> Any:
    if not arrow_text.is_installed("pyarrow"):
        raise UnreadableFileError(f"is an ORC file. {arrow_text.HOW_TO_GET_IT}")
    import pyarrow as pa
    from pyarrow import orc

    try:
        return orc.ORCFile(str(opened.path))
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFileError(f"is a damaged ORC file ({error})") from error


def _examine(opened: Opened) -> Examined:
    file = _open(opened)
    names = tuple(file.schema.names)
    refuse_too_many(names)
    most = most_unpacked(opened.contract, opened.file)
    if file.nrows * len(opened.contract.columns) > most:
        raise trap(opened.contract, f"{most:,} values")
    examined = placed_by_name(opened, "orc", names)
    for name in examined.taken:
        if not arrow_text.is_text_of(file.schema.field(name).type):
            raise UnreadableFileError(f"has bytes in the column {name}, and no text says what they are")
    return examined


def _records(opened: Opened, examined: Examined, sound: RowWriter) -> Iterator[BrokenLine]:
    import pyarrow as pa

    file = _open(opened)
    wanted = list(examined.taken)
    marks = decimal_marks(opened, [column.name for column in examined.layout.columns])
    try:
        for stripe in range(file.nstripes):
            batch = file.read_stripe(stripe, columns=wanted)
            arrow_text.write_rows(batch.select(wanted), marks, sound)
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFileError(f"is a damaged ORC file ({error})") from error
    yield from ()


FORMAT = Format(suffixes=(".orc",), examine=_examine, records=_records)
