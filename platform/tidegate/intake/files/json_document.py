"""Where the records of a JSON document are: in an array, one after the other, or somewhere inside of an object.

A record is cut out by its braces and quotes, so one that is broken inside costs itself only, and the document takes no
memory. What is in a record is `json_text`'s to read.
"""

from __future__ import annotations

import json
import mmap
import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tidegate.errors import TidegateError

_SPACE = re.compile(rb"[ \t\r\n]*+")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_SCALAR = re.compile(rb'[^ \t\r\n,:"\[\]{}]++')
# An object without another one in it, which nearly every record is: found in one step.
_FLAT_OBJECT = re.compile(rb'\{(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+\}', re.DOTALL)
# The same as an element of a list, up to the next one.
_FLAT_ELEMENT = re.compile(rb"[ \t\r\n]*+(" + _FLAT_OBJECT.pattern + rb")[ \t\r\n]*+,", re.DOTALL)
_NESTING = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{}]', re.DOTALL)
_CLOSING = {ord("{"): ord("}"), ord("["): ord("]")}
_NESTED_TOO_DEEP = 100


class DocumentError(TidegateError):
    """A document that is not whole, or has no records where they should be. The message reads on from its name."""


@dataclass(frozen=True)
class Span:
    """A record's bytes, and on which line of the document it begins."""

    bytes: bytes
    line: int
    length: int


def records(path: Path, records_path: Sequence[str], longest: int) -> Iterator[Span]:
    """The records of the document, in order; of one longer than `longest` only the beginning. Raises DocumentError.

    `records_path` are the keys that lead to them; where these lead to a list, they go on in each of its elements.
    """
    with _mapped(path) as text:
        if text:
            yield from _Document(text, longest).records(records_path)


def lists_of_objects(path: Path) -> list[str]:
    """The keys of a document's first object that hold a list: where its records may be."""
    with _mapped(path) as text:
        if not text:
            return []
        document = _Document(text, 0)
        try:
            document.skip_space()
            return [key for key in document.members() if document.next_is(b"[")]
        except DocumentError:
            return []


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap | None]:
    # An empty file cannot be mapped.
    if not path.stat().st_size:
        yield None
        return
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as text:
        yield text


class _Document:
    """One pass over a document, `at` being where it stands."""

    def __init__(self, text: mmap.mmap, longest: int) -> None:
        self.text = text
        self.longest = longest
        self.at = len(BOM_UTF8) if text[: len(BOM_UTF8)] == BOM_UTF8 else 0
        self.counted_to = 0
        self.line = 1

    def records(self, path: Sequence[str]) -> Iterator[Span]:
        while not self._ended():
            if path or self.next_is(b"["):
                yield from self._below(path)
            else:
                yield self._span()

    def _below(self, path: Sequence[str]) -> Iterator[Span]:
        """The records of the value here, where `path` leads on from."""
        if self.next_is(b"["):
            yield from self._of_list(path)
        elif not path:
            yield self._span()
        elif self.next_is(b"{"):
            yield from self._of_object(path)
        else:
            raise DocumentError(f"has no object with the key '{path[0]}' on the way to its records")

    def _of_list(self, path: Sequence[str]) -> Iterator[Span]:
        for _ in self.elements():
            if path:
                yield from self._below(path)
                continue
            while found := _FLAT_ELEMENT.match(self.text, self.at):
                self.at = found.end()
                yield self._span_of(*found.span(1))
            yield self._span()

    def _of_object(self, path: Sequence[str]) -> Iterator[Span]:
        times = 0
        for key in self.members():
            if key != path[0]:
                continue
            times += 1
            if times > 1:
                raise DocumentError(f"has the key '{key}' twice, and which one has the records nobody can tell")
            yield from self._below(path[1:])
        if not times:
            raise DocumentError(f"has no key '{path[0]}' on the way to its records")

    def _span(self) -> Span:
        start = self._position()
        self._skip_value()
        return self._span_of(start, self.at)

    def _span_of(self, start: int, end: int) -> Span:
        self.line += self.text[self.counted_to : start].count(b"\n")
        self.counted_to = start
        return Span(self.text[start : min(end, start + self.longest)], self.line, end - start)

    # --- the structure

    def elements(self) -> Iterator[None]:
        """Stands before each element of the list here; whoever does not read one on has it skipped."""
        self._expect(b"[")
        if self._comes(b"]"):
            return
        while True:
            before = self._position()
            yield
            if self.at == before:
                self._skip_value()
            if not self._comes(b","):
                break
        self._expect(b"]")

    def members(self) -> Iterator[str]:
        """Each key of the object here, standing before its value; whoever does not read one on has it skipped."""
        self._expect(b"{")
        if self._comes(b"}"):
            return
        while True:
            key = self._key()
            before = self._position()
            yield key
            if self.at == before:
                self._skip_value()
            if not self._comes(b","):
                break
        self._expect(b"}")

    def _position(self) -> int:
        self.skip_space()
        return self.at

    def _key(self) -> str:
        self.skip_space()
        found = _STRING.match(self.text, self.at)
        if found is None:
            raise self._broken("a key is missing")
        self.at = found.end()
        self._expect(b":")
        try:
            key: str = json.loads(found[0])
        except ValueError:
            key = ""
        return key

    def _skip_value(self) -> None:
        self.skip_space()
        for kind in (_FLAT_OBJECT, _STRING, _SCALAR):
            if found := kind.match(self.text, self.at):
                self.at = found.end()
                return
        self._skip_nested()

    def _skip_nested(self) -> None:
        open_ones: list[int] = []
        for found in _NESTING.finditer(self.text, self.at):
            mark = found[0][0]
            if not open_ones and (mark not in _CLOSING or found.start() != self.at):
                break
            if mark in _CLOSING:
                open_ones.append(_CLOSING[mark])
                if len(open_ones) > _NESTED_TOO_DEEP:
                    raise self._broken(f"values are nested more than {_NESTED_TOO_DEEP} deep")
            elif mark != ord('"') or len(found[0]) == 1:
                if mark == ord('"') or open_ones.pop() != mark:
                    break
                if not open_ones:
                    self.at = found.end()
                    return
        raise self._broken("a value does not end")

    def skip_space(self) -> None:
        if found := _SPACE.match(self.text, self.at):
            self.at = found.end()

    def next_is(self, mark: bytes) -> bool:
        self.skip_space()
        return self.text[self.at : self.at + 1] == mark

    def _comes(self, mark: bytes) -> bool:
        comes = self.next_is(mark)
        self.at += comes
        return comes

    def _expect(self, mark: bytes) -> None:
        if not self._comes(mark):
            raise self._broken(f"'{mark.decode()}' is missing")

    def _ended(self) -> bool:
        self.skip_space()
        return self.at >= len(self.text)

    def _broken(self, what: str) -> DocumentError:
        line = self.line + self.text[self.counted_to : self.at].count(b"\n")
        return DocumentError(f"is a JSON document that is broken or cut off: on line {line:,}, {what}")
