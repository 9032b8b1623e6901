"""XML files: a row for each element that is a record; its columns are named by the path to a leaf or an attribute."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice

from tidegate.intake.files import markup
from tidegate.intake.files.formats.layout import Examined, Format, Opened, UnreadableFileError, placed_by_key
from tidegate.intake.files.json_text import SAMPLED_LINES, Keys
from tidegate.intake.files.text import MAX_RECORD, BrokenLine, RowWriter


def _elements(opened: Opened) -> Iterator[markup.Element]:
    try:
        yield from markup.elements(opened.path, opened.options.xml.records, MAX_RECORD)
    except markup.MarkupError as error:
        raise UnreadableFileError(str(error)) from error


def _examine(opened: Opened) -> Examined:
    known = Keys(opened.contract.columns)
    sampled = [element.fields for element in islice(_elements(opened), SAMPLED_LINES)]
    paths = dict.fromkeys(_name(path) for fields in sampled for path, _ in fields)
    if paths and not any(known.are_known(path) for path in paths):
        raise UnreadableFileError(
            f"has records without any of the contract's columns; they have {', '.join(list(paths)[:5])}. "
            "Write as `records` which elements are the records"
        )
    return placed_by_key(opened, "xml", [path for path in paths if not known.are_known(path)])


def _records(opened: Opened, _examined: Examined, sound: RowWriter) -> Iterator[BrokenLine]:
    keys = Keys(opened.contract.columns)
    found = False
    for element in _elements(opened):
        found = True
        placed = keys.place([_name(path) for path, _ in element.fields]) if element.length <= MAX_RECORD else None
        values = {_name(path): text for path, text in element.fields}
        row = (
            None
            if placed is None
            else ["" if way is None else values[way] if isinstance(way, str) else "" for way in placed]
        )
        if row is None or any("\0" in value for value in row):
            shown = json.dumps(element.fields, ensure_ascii=False).encode("utf-8", "backslashreplace")
            yield BrokenLine(element.line, shown, len(shown))
        else:
            sound.add(value.encode("utf-8") for value in row)
    if not found and opened.options.xml.records:
        raise UnreadableFileError(f"has no element {'/'.join(opened.options.xml.records)}")


def _name(path: str) -> str:
    """An attribute of the record itself goes by its own name."""
    return path.removeprefix("@")


FORMAT = Format(suffixes=(".xml",), examine=_examine, records=_records)
