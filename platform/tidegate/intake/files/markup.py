"""The records of an XML file: elements, with the texts of their leaves and the values of their attributes by path.

Python's own expat reads it, piece by piece. A file that declares entities is refused: they are how a small file becomes
an endless one, or one that reads another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from tidegate.errors import TidegateError

_BLOCK = 1 << 18
_NESTED_TOO_DEEP = 100


class MarkupError(TidegateError):
    """A file that is no whole XML, or has no records where they should be. The message reads on from its name."""


@dataclass
class Element:
    """A record: `fields` are paths below it with their texts, in order; `@` begins the name of an attribute.

    `length` is how many characters it holds, of which `fields` keeps the first `longest`.
    """

    line: int
    fields: list[tuple[str, str]] = field(default_factory=list)
    length: int = 0


def elements(path: Path, records: Sequence[str], longest: int) -> Iterator[Element]:
    """The elements at the path `records`; without one, those right inside of the outermost. Raises MarkupError."""
    reading = _Reading(tuple(records), longest)
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            yield from reading.feed(block, last=False)
        yield from reading.feed(b"", last=True)


class _Reading:
    def __init__(self, records: tuple[str, ...], longest: int) -> None:
        self.records = records
        self.longest = longest
        self.path: list[str] = []
        self.texts: list[list[str] | None] = []
        self.record: Element | None = None
        self.depth = 0
        self.names: set[str] = set()
        self.complete: list[Element] = []
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.EntityDeclHandler = self._refuse_entity

    def feed(self, block: bytes, *, last: bool) -> list[Element]:
        try:
            self.parser.Parse(block, last)
        except (expat.ExpatError, ValueError, LookupError) as error:
            raise MarkupError(f"is XML that is broken or cut off ({error})") from error
        complete, self.complete = self.complete, []
        return complete

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self.path) >= _NESTED_TOO_DEEP:
            raise MarkupError(f"is XML with elements more than {_NESTED_TOO_DEEP} deep")
        local = name.rpartition(" ")[2]
        self.path.append(local)
        if self.record is None:
            if not self._is_record():
                return
            self.record, self.depth = Element(self.parser.CurrentLineNumber), len(self.path)
        else:
            # It is not a leaf: what stands between its elements is layout.
            self.texts[-1] = None
        self.texts.append([])
        for attribute, value in attributes.items():
            self._add([*self.path[self.depth :], f"@{attribute.rpartition(' ')[2]}"], value)

    def _is_record(self) -> bool:
        if self.records:
            return tuple(self.path[-len(self.records) :]) == self.records
        if len(self.path) != 2:
            return False
        self.names.add(self.path[-1])
        if len(self.names) > 1:
            one, other = sorted(self.names)
            raise MarkupError(
                f"has different elements in its outermost one ({one}, {other}). "
                f"Write which are its records: `records: {one}`"
            )
        return True

    def _end(self, _name: str) -> None:
        below = self.path[self.depth :]
        self.path.pop()
        if self.record is None:
            return
        text = self.texts.pop()
        if text is not None and below:
            self._add(below, "".join(text))
        if not below:
            self.complete.append(self.record)
            self.record = None

    def _characters(self, text: str) -> None:
        if self.record is None or self.texts[-1] is None:
            return
        self.record.length += len(text)
        if self.record.length <= self.longest:
            self.texts[-1].append(text)

    def _add(self, path: Sequence[str], value: str) -> None:
        name, record = "/".join(path), self.record
        if record is None:
            return
        record.length += len(name) + (len(value) if path[-1].startswith("@") else 0)
        if record.length <= self.longest:
            record.fields.append((name, value))

    def _refuse_entity(self, name: str, *_: object) -> None:
        raise MarkupError(f"is XML that declares the entity '{name}', and such files are not read")
