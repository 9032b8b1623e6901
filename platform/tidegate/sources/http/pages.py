"""One page of a JSON API, as bytes: what it says of itself, and where its records are.

A record is cut out by its braces and quotes and never parsed here: 1.10 stays 1.10, and what is broken inside of
it is for `intake` to judge, record by record. What the pages of a delivery must be together belongs to `http.source`.
"""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tidegate.contract.http import WHOLE_ANSWER
from tidegate.errors import TidegateError

_SPACE = re.compile(rb"[ \t\r\n]*+")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_SCALAR = re.compile(rb'[^ \t\r\n,:"\[\]{}]++')
# An object without another one in it, which nearly every record is: found in one step.
_FLAT_OBJECT = re.compile(rb'\{(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+\}', re.DOTALL)
_NESTING = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{}]', re.DOTALL)
_VALUE = re.compile(rb'["\[{]|-?[0-9]|true|false|null')
_CLOSING = {ord("{"): ord("}"), ord("["): ord("]")}
# Of the keys of an answer that is none of the contract's, enough to recognise it by.
SHOWN_KEYS, SHOWN_OF_A_KEY = 10, 40

# A line end between two values is as good as a tab. In a text both are forbidden, so what is broken stays broken.
_ON_ONE_LINE = bytes.maketrans(b"\r\n", b"\t\t")


class PageError(TidegateError):
    """Bytes that are no page. The message reads on from the page's name."""


class OtherShapeError(PageError):
    """JSON that is no page of this contract: it was made so, and would be so again."""


@dataclass(frozen=True)
class Page:
    """How many records a page holds, and what it says at the paths that were looked for, as written in it.

    `last` is its last record.
    """

    records: int
    found: Mapping[str, bytes] = field(default_factory=dict)
    last: bytes | None = None


def read_page(body: bytes, records: str, lines: Lines | None = None, paths: Iterable[str] = ()) -> Page:
    """Look a page through; its records go to `lines`, one a line, in their own bytes.

    `records` is the path of their list, WHOLE_ANSWER when the page is the list. A path names keys with dots between;
    a key that has a dot in it is found as well. Raises PageError.
    """
    return _Reading(body, records, lines, paths).page()


class Lines(Protocol):
    """Where the lines of records go."""

    def write(self, line: bytes, /) -> object: ...


class _Reading:
    """One pass over a page, `at` being where it stands."""

    def __init__(self, body: bytes, records: str, lines: Lines | None, paths: Iterable[str]) -> None:
        self.body = body
        self.records = records
        self.lines = lines
        self.paths = frozenset(paths) | {records}
        self.at = len(BOM_UTF8) if body.startswith(BOM_UTF8) else 0
        self.count: int | None = None
        self.last: bytes | None = None
        self.found: dict[str, bytes] = {}
        self.keys: list[str] = []

    def page(self) -> Page:
        self._skip_space()
        is_object = self.body.startswith(b"{", self.at)
        if self.records == WHOLE_ANSWER:
            self._take(WHOLE_ANSWER)
        elif is_object:
            self._object({path: path for path in self.paths}, self.keys)
        else:
            self._another_value()
        self._skip_space()
        if self.at < len(self.body):
            raise self._broken("something follows its end")
        if self.records != WHOLE_ANSWER and not is_object:
            raise OtherShapeError(f"is not a JSON object with `{self.records}`")
        if self.count is None:
            keys = ", ".join(f"`{key[:SHOWN_OF_A_KEY]}`" for key in self.keys[:SHOWN_KEYS]) or "none"
            raise OtherShapeError(f"lacks `{self.records}`; its keys are {keys}")
        return Page(self.count, self.found, self.last)

    def _another_value(self) -> None:
        start, self.at = self.at, self._end_of_value()
        if not _VALUE.match(self.body, start):
            raise PageError("is not JSON")

    def _object(self, sought: Mapping[str, str], keys: list[str] | None = None) -> None:
        """Go through an object. `sought` are paths from here, each with the path from the page's root."""
        self._expect(b"{")
        if self._comes(b"}"):
            return
        self._member(sought, keys)
        while self._comes(b","):
            self._member(sought, keys)
        self._expect(b"}")

    def _member(self, sought: Mapping[str, str], keys: list[str] | None) -> None:
        self._skip_space()
        key = self._key()
        if keys is not None:
            keys.append(key)
        self._expect(b":")
        self._skip_space()
        below = {path[len(key) + 1 :]: whole for path, whole in sought.items() if path.startswith(f"{key}.")}
        if key in sought:
            self._take(sought[key])
        elif below and self.body.startswith(b"{", self.at):
            self._object(below)
        else:
            self.at = self._end_of_value()

    def _take(self, path: str) -> None:
        if path == self.records:
            if self.count is not None:
                raise PageError(f"has `{path}` twice")
            self.count = self._list()
            return
        if path in self.found:
            raise PageError(f"has `{path}` twice")
        start, self.at = self.at, self._end_of_value()
        self.found[path] = self.body[start : self.at]

    def _key(self) -> str:
        match = _STRING.match(self.body, self.at)
        if match is None:
            raise self._broken("a key is missing")
        self.at = match.end()
        try:
            return str(json.loads(match.group()))
        except ValueError:
            # Not one of the keys we look for, whatever it is.
            return ""

    def _list(self) -> int:
        if self.body.startswith(b"null", self.at):
            # How some APIs write an empty list.
            self.at += len(b"null")
            return 0
        if not self._comes(b"["):
            where = "under `" + self.records + "`" if self.records != WHOLE_ANSWER else "as the whole answer"
            self.at = self._end_of_value()
            raise OtherShapeError(f"has no list {where}")
        if self._comes(b"]"):
            return 0
        self._record()
        count = 1
        while self._comes(b","):
            self._record()
            count += 1
        self._expect(b"]")
        return count

    def _record(self) -> None:
        self._skip_space()
        start, self.at = self.at, self._end_of_value()
        self.last = self.body[start : self.at]
        if self.lines is not None:
            self.lines.write(self.last.translate(_ON_ONE_LINE) + b"\n")

    # --- bytes

    def _end_of_value(self) -> int:
        for kind in (_FLAT_OBJECT, _STRING, _SCALAR):
            if match := kind.match(self.body, self.at):
                return match.end()
        return self._end_of_nested()

    def _end_of_nested(self) -> int:
        # Counted, not recursed into: nesting of any depth is for the readers to refuse.
        if self.body[self.at : self.at + 1] not in (b"{", b"["):
            raise self._broken("a value is missing")
        expected = bytearray()
        for match in _NESTING.finditer(self.body, self.at):
            token = self.body[match.start()]
            if token in _CLOSING:
                expected.append(_CLOSING[token])
            elif match.group() == b'"':
                break
            elif token != ord('"'):
                if token != expected.pop():
                    break
                if not expected:
                    return match.end()
        raise self._broken("a value does not end")

    def _comes(self, token: bytes) -> bool:
        self._skip_space()
        comes = self.body.startswith(token, self.at)
        self.at += comes
        return comes

    def _expect(self, token: bytes) -> None:
        if not self._comes(token):
            raise self._broken(f"`{token.decode()}` is missing")

    def _skip_space(self) -> None:
        match = _SPACE.match(self.body, self.at)
        self.at = match.end() if match else self.at

    def _broken(self, what: str) -> PageError:
        return PageError(f"is not JSON: {what} at byte {self.at + 1:,} of {len(self.body):,}")
