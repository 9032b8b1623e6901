"""What is a row of a JSON lines file and what is not, decided line by line without DuckDB.

The exact way to read JSON: numbers keep the digits they were written with. At 3 microseconds a line it is for
files in which DuckDB's way leaves a line over; `readers` decides which those are.
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from tidegate.contract.files import Envelope
from tidegate.contract.model import Column
from tidegate.intake.files.envelope import unwrapped
from tidegate.intake.files.text import MAX_RECORD, BrokenLine, RowWriter, content_lines, open_text

# Enough to notice a column that the contract does not know, without reading the file twice.
SAMPLED_LINES = 100


class _Number(str):
    """A number as written, told apart from a text with the same characters."""

    __slots__ = ()


class _Repeating(dict[str, object]):
    """An object with a key that is there twice: `pairs` is all of it, as written."""

    def __init__(self, pairs: Sequence[tuple[str, object]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


def _as_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _Repeating(pairs)


_DECODER = json.JSONDecoder(
    parse_float=_Number, parse_int=_Number, parse_constant=_Number, object_pairs_hook=_as_object
)

# A file whose lines have more different lists of keys is looked up key by key; so is what comes after these.
MANY_KEY_ORDERS = 1_000


def alike(name: str) -> str:
    """What two names have in common that mean one column: neither case nor spaces around make a difference."""
    return name.strip().lower()


# Where the value of a column is: a key, or keys that lead to it.
Way: TypeAlias = "str | tuple[str, ...]"


@dataclass(frozen=True)
class Keys:
    """Where an object has the values of columns, whatever the case of its keys.

    A column goes by its own name or, where no key has that, by one of its others; those may lead into objects:
    `customer.address.city`.
    """

    columns: Sequence[Column]
    _placed: dict[tuple[str, ...], tuple[Way | None, ...] | None] = field(default_factory=dict)

    def place(self, keys: Sequence[str]) -> tuple[Way | None, ...] | None:
        """By column the way to its value, None for one that is left out; None when two keys could have one."""
        keys = tuple(keys)
        if keys not in self._placed:
            if len(self._placed) >= MANY_KEY_ORDERS:
                self._placed.clear()
            self._placed[keys] = self._place(keys)
        return self._placed[keys]

    def _place(self, keys: tuple[str, ...]) -> tuple[Way | None, ...] | None:
        by_name: dict[str, list[str]] = {}
        for key in keys:
            by_name.setdefault(alike(key), []).append(key)
        placed: list[Way | None] = []
        for column in self.columns:
            name = next((name for name in (column.name, *column.delivered_as) if alike(name) in by_name), None)
            if name is None:
                placed.append(_way_inside(column, by_name))
                continue
            spelled = by_name[alike(name)]
            meant = [key for key in spelled if key == name] or spelled
            if len(meant) > 1:
                return None
            placed.append(meant[0])
        return tuple(placed)

    def are_plain(self, keys: Sequence[str]) -> bool:
        """Whether each key is there once, and none is one of the columns' names in another spelling."""
        own = {column.name for column in self.columns}
        names = {alike(name) for name in own}
        once = len({*map(alike, keys)}) == len(keys)
        return once and all(key in own or alike(key) not in names for key in keys)

    def are_known(self, key: str) -> bool:
        """Whether a column's value may be at a key, or inside of it."""
        return alike(key) in self._known

    @cached_property
    def _known(self) -> frozenset[str]:
        names = [name for column in self.columns for name in (column.name, *column.delivered_as)]
        return frozenset(alike(part) for name in names for part in (name, name.partition(".")[0]))


def _way_inside(column: Column, by_name: Mapping[str, Sequence[str]]) -> Way | None:
    """The keys that lead to a column's value, where one of its other names says so and the first of them is there."""
    for name in column.delivered_as:
        first, *rest = name.split(".")
        if rest and len(spelled := by_name.get(alike(first), ())) == 1:
            return (spelled[0], *rest)
    return None


def parse_object(line: bytes, envelope: Envelope = "") -> dict[str, object] | None:
    """The JSON object of a line, or the row in the envelope that it is; None when it is none. Numbers come as the text
    they were written as."""
    try:
        value = _DECODER.decode(line.decode("utf-8").strip(" \t\r"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    return unwrapped(value) if envelope else value


def sampled_keys(path: Path, gzipped: bool, envelope: Envelope) -> tuple[tuple[str, ...], ...]:
    """The lists of keys in the first lines of a file, each once."""
    with open_text(path, gzipped) as stream:
        lines = islice(_numbered_lines(stream), SAMPLED_LINES)
        objects = [parse_object(line, envelope) or {} for _, line, _ in lines]
    return tuple(dict.fromkeys(_keys(found) for found in objects))


def is_document(path: Path, gzipped: bool) -> bool:
    """Whether the first line is the beginning of an array, or of an object that goes on in the next line."""
    with open_text(path, gzipped) as stream:
        line = next((line.strip() for _, line, _ in _numbered_lines(stream)), b"")
    return line.startswith(b"[") or (line.startswith(b"{") and line.endswith((b"{", b"[", b",")))


def fix(
    path: Path,
    gzipped: bool,
    columns: Sequence[Column],
    marks: Sequence[str],
    sound: RowWriter,
    envelope: Envelope = "",
) -> Iterator[BrokenLine]:
    """Write the values of `columns` of every JSON object to `sound`; yields the lines that are none. Numbers get the
    `marks`, by column, in place of their points."""
    keys = Keys(columns)
    with open_text(path, gzipped) as stream:
        for number, line, length in _numbered_lines(stream):
            values = row(line, keys, marks, envelope) if length <= MAX_RECORD else None
            if values is None:
                yield BrokenLine(number, line[:MAX_RECORD], length)
            else:
                sound.add(values)


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


def _keys(found: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(key for key, _ in found.pairs) if isinstance(found, _Repeating) else tuple(found)


def row(line: bytes, keys: Keys, marks: Sequence[str], envelope: Envelope = "") -> list[bytes] | None:
    """The values of the keys' columns, numbers with `marks` in place of their points; None when the line has none."""
    found = parse_object(line, envelope)
    placed = None if found is None else keys.place(_keys(found))
    if found is None or placed is None:
        return None
    try:
        row = [
            b"" if way is None else _marked(_at(found, way), mark).encode("utf-8")
            for way, mark in zip(placed, marks, strict=True)
        ]
    except (UnicodeEncodeError, RecursionError, _NoWayError):
        # Half of a surrogate pair is not text that a table can hold.
        return None
    # And nor is a NUL, for most tools.
    return None if any(b"\0" in value for value in row) else row


class _NoWayError(Exception):
    """Keys lead to something that is no object, or to one that has the next of them twice."""


def _at(found: dict[str, object], way: Way) -> object:
    """The value that a way leads to; None where one of its keys is not there or has none."""
    if isinstance(way, str):
        return found[way]
    value: object = found
    for key in way:
        if value is None:
            return None
        if not isinstance(value, dict) or isinstance(value, _Repeating):
            raise _NoWayError
        value = value.get(key)
    return value


def _marked(value: object, mark: str) -> str:
    text = _text(value)
    return text.replace(".", mark) if mark != "." and isinstance(value, _Number) else text


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
        case _Repeating():
            return "{" + ",".join(f"{_nested(str(key))}:{_nested(item)}" for key, item in value.pairs) + "}"
        case dict():
            return "{" + ",".join(f"{_nested(str(key))}:{_nested(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ",".join(map(_nested, value)) + "]"
        case _Number():
            return str(value)
    return json.dumps(value, ensure_ascii=False)
