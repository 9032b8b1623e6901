"""JSON documents: an array of objects, objects one after the other, or what is at a path inside of an object."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from tidegate.intake.files import json_document, json_text
from tidegate.intake.files.envelope import is_about
from tidegate.intake.files.formats.layout import (
    Examined,
    Format,
    Opened,
    UnreadableFileError,
    decimal_marks,
    placed_by_key,
)
from tidegate.intake.files.text import MAX_RECORD, BrokenLine, RowWriter


def _spans(opened: Opened) -> Iterator[json_document.Span]:
    try:
        yield from json_document.records(opened.path, opened.options.json.records, MAX_RECORD)
    except json_document.DocumentError as error:
        raise UnreadableFileError(str(error)) from error


def _examine(opened: Opened) -> Examined:
    envelope = opened.options.json.envelope
    sampled = [json_text.parse_object(span.bytes, envelope) for span in islice(_spans(opened), json_text.SAMPLED_LINES)]
    keys = dict.fromkeys(key for found in sampled for key in found or ())
    known = json_text.Keys(opened.contract.columns)
    if keys and not any(known.are_known(key) for key in keys):
        raise UnreadableFileError(_where_else(opened, list(keys)))
    added = tuple(key for key in keys if not known.are_known(key) and not (envelope and is_about(key)))
    return placed_by_key(opened, "json_array", added)


def _where_else(opened: Opened, keys: list[str]) -> str:
    what = f"has none of the contract's columns in its records; they have {', '.join(keys[:5])}"
    lists = [] if opened.options.json.records else json_document.lists_of_objects(opened.path)
    if not lists:
        return f"{what}. Write as `records` where the records are"
    return f"{what}. If the records are in `{lists[0]}`, write `format: json_array` and `records: {lists[0]}`"


def _records(opened: Opened, _examined: Examined, sound: RowWriter) -> Iterator[BrokenLine]:
    names = [column.name for column in opened.contract.columns]
    keys, marks = json_text.Keys(opened.contract.columns), decimal_marks(opened, names)
    envelope = opened.options.json.envelope
    for span in _spans(opened):
        row = json_text.row(span.bytes, keys, marks, envelope) if span.length <= MAX_RECORD else None
        if row is None:
            yield BrokenLine(span.line, span.bytes, span.length)
        else:
            sound.add(row)


FORMAT = Format(suffixes=(), examine=_examine, records=_records)
