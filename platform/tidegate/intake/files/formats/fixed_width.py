"""Files in which every field of a line has a width of its own, in characters."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from tidegate.intake.files.formats.layout import (
    Examined,
    Format,
    Layout,
    Opened,
    Placed,
    UnreadableFileError,
    as_the_contract_spells,
    refuse_foreign_header,
)
from tidegate.intake.files.text import MAX_RECORD, BrokenLine, RowWriter, lines_of, open_text


def _examine(opened: Opened) -> Examined:
    contract, text = opened.contract, opened.options.text
    given = text.names or tuple(column.name for column in contract.columns)
    widths = opened.options.fixed_width.widths
    if len(given) != len(widths):
        raise UnreadableFileError(
            f"is to be cut into {len(widths)} fields, and there are {len(given)} names for them. Write as many "
            "`widths` as the contract has columns, or the names of all fields as `columnNames`"
        )
    names = as_the_contract_spells(contract, given)
    columns = tuple(Placed(c.name, names.index(c.name)) for c in contract.columns if c.name in names)
    refuse_foreign_header(contract, names, columns)
    layout = Layout("fixed_width", opened.gzipped, len(names), columns)
    return Examined(layout, names, opened.census.lines, is_regular=False)


def _records(opened: Opened, _examined: Examined, sound: RowWriter) -> Iterator[BrokenLine]:
    text, widths = opened.options.text, opened.options.fixed_width.widths
    ends = list(accumulate(widths))
    starts = [0, *ends[:-1]]
    with open_text(opened.path, opened.gzipped) as stream:
        for number, (line, length) in enumerate(lines_of(stream), start=1):
            if number == 1 and text.header:
                continue
            content = _text(line.removesuffix(b"\r")) if length <= MAX_RECORD else None
            if content is not None and not content.strip():
                continue
            if content is not None and text.comment and content.startswith(text.comment):
                continue
            # Many systems cut blanks off at the end of a line; none writes more than the fields hold.
            if content is None or len(content.rstrip()) > ends[-1]:
                yield BrokenLine(number, line, length)
                continue
            sound.add(content[start:end].strip().encode() for start, end in zip(starts, ends, strict=True))


def _text(line: bytes) -> str | None:
    try:
        text = line.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


FORMAT = Format(suffixes=(), examine=_examine, records=_records)
