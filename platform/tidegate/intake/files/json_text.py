"""What is a row of a JSON lines file and what is not, decided line by line without DuckDB.

The exact way to read JSON: numbers keep the digits they were written with. At 3 microseconds a line it is for
files in which DuckDB's way leaves a line over; `readers` decides which those are.
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from io import BufferedReader
from itertools import islice
from pathlib import Path

from tidegate.intake.files.text import MAX_RECORD, BrokenLine, RowWriter, content_lines, open_text

# Enough to notice a column that the contract does not know, without reading the file twice.
SAMPLED_LINES = 100


class _Number(str):
    """A number as written, told apart from a text with the same characters."""

    __slots__ = ()


_DECODER = json.JSONDecoder(parse_float=_Number, parse_int=_Number, parse_constant=_Number)


def parse_object(line: bytes) -> dict[str, object] | None:
    """The JSON object of a line; None when it is none. Numbers come as the text they were written as."""
    try:
        value = _DECODER.decode(line.decode("utf-8").strip(" \t\r"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def added_keys(path: Path, gzipped: bool, known: Sequence[str]) -> tuple[str, ...]:
    """The keys in the first lines of a file that are not `known`."""
    with open_text(path, gzipped) as stream:
        objects = [parse_object(line) or {} for _, line, _ in islice(_numbered_lines(stream), SAMPLED_LINES)]
    return tuple(dict.fromkeys(key for found in objects for key in found if key not in known))


def fix(path: Path, gzipped: bool, columns: Sequence[str], sound: RowWriter) -> Iterator[BrokenLine]:
    """Write the values of `columns` of every JSON object to `sound`; yields the lines that are none."""
    with open_text(path, gzipped) as stream:
        for number, line, length in _numbered_lines(stream):
            row = _row(line, columns) if length <= MAX_RECORD else None
            if row is None:
                yield BrokenLine(number, line[:MAX_RECORD], length)
            else:
                sound.add(row)


def broken_lines(path: Path, gzipped: bool, suspects: set[bytes]) -> tuple[list[BrokenLine], int] | None:
    """Where the `suspects`, lines that DuckDB left out, stand, and how many lines are blank.

    None when a suspect is a JSON object after all: then the file must be fixed to lose nothing.
    """
    if any(parse_object(line) is not None for line in suspects):
        return None
    broken, last, content = [], 0, 0
    with open_text(path, gzipped) as stream:
        for number, line, length in _numbered_lines(stream, blank_at_end=True):
            last = number
            content += 1 if line else 0
            if line.removesuffix(b"\r") in suspects:
                broken.append(BrokenLine(number, line, length))
    return broken, last - content


def _numbered_lines(stream: BufferedReader, *, blank_at_end: bool = False) -> Iterator[tuple[int, bytes, int]]:
    """Every line that is not blank, with its number; blank ones at the end, if wanted, as one of nothing."""
    number = 0
    for blank, line, length in content_lines(stream):
        number += blank
        if not line:
            if blank_at_end:
                yield number, line, length
            continue
        number += 1
        content = line if number > 1 else line.removeprefix(BOM_UTF8)
        if content.strip() or length > len(line):
            yield number, content, length


def _row(line: bytes, columns: Sequence[str]) -> list[bytes] | None:
    found = parse_object(line)
    if found is None:
        return None
    try:
        row = [_text(found.get(column)).encode("utf-8") for column in columns]
    except (UnicodeEncodeError, RecursionError):
        # Half of a surrogate pair is not text that a table can hold.
        return None
    # And nor is a NUL, for most tools.
    return None if any(b"\0" in value for value in row) else row


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
    return _nested(value)


def _nested(value: object) -> str:
    match value:
        case dict():
            return "{" + ",".join(f"{_nested(str(key))}:{_nested(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ",".join(map(_nested, value)) + "]"
        case _Number():
            return str(value)
    return json.dumps(value, ensure_ascii=False)
