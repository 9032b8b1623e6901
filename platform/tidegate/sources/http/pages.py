"""One page of a JSON API, as bytes: what it says of itself, and where its records are.

A record is cut out by its braces and quotes and never parsed here: 1.10 stays 1.10, and what is broken inside of
it is for `intake` to judge, record by record. What the pages of a delivery must be together belongs to `http.source`.
"""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from dataclasses import dataclass
from io import BufferedIOBase

from tidegate.errors import TidegateError

_SPACE = re.compile(rb"[ \t\r\n]*+")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_SCALAR = re.compile(rb'[^ \t\r\n,:"\[\]{}]++')
# An object without another one in it, which nearly every record is: found in one step.
_FLAT_OBJECT = re.compile(rb'\{(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+\}', re.DOTALL)
_NESTING = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{}]', re.DOTALL)
_CLOSING = {ord("{"): ord("}"), ord("["): ord("]")}
# Enough for any count, and too few to keep Python busy with.
_COUNT = re.compile(rb"0|[1-9][0-9]{0,17}")

# A line end between two values is as good as a tab. In a text both are forbidden, so what is broken stays broken.
_ON_ONE_LINE = bytes.maketrans(b"\r\n", b"\t\t")


class PageError(TidegateError):
    """Bytes that are no page. The message reads on from the page's name."""


@dataclass(frozen=True)
class Page:
    """What a page says of itself, and how many records it really holds."""

    page: int
    pages: int
    total: int
    records: int


def read_page(body: bytes, records_key: str, lines: BufferedIOBase | None = None) -> Page:
    """Look a page through; its records go to `lines`, one a line, in their own bytes. Raises PageError."""
    return _Reading(body, records_key, lines).page()


class _Reading:
    """One pass over a page, `at` being where it stands."""

    def __init__(self, body: bytes, records_key: str, lines: BufferedIOBase | None) -> None:
        self.body = body
        self.records_key = records_key
        self.lines = lines
        self.at = len(BOM_UTF8) if body.startswith(BOM_UTF8) else 0
        self.found: dict[str, int] = {}

    def page(self) -> Page:
        if not self._comes(b"{"):
            raise PageError("is not a JSON object")
        if not self._comes(b"}"):
            self._member()
            while self._comes(b","):
                self._member()
            self._expect(b"}")
        self._skip_space()
        if self.at < len(self.body):
            raise self._broken("something follows its end")
        return self._as_page()

    def _as_page(self) -> Page:
        if missing := [key for key in ("page", "pages", "total", self.records_key) if key not in self.found]:
            raise PageError(f"lacks `{missing[0]}`")
        return Page(self.found["page"], self.found["pages"], self.found["total"], self.found[self.records_key])

    def _member(self) -> None:
        self._skip_space()
        key = self._key()
        self._expect(b":")
        self._skip_space()
        if key not in ("page", "pages", "total", self.records_key):
            self.at = self._end_of_value()
        elif key in self.found:
            raise PageError(f"has `{key}` twice")
        else:
            self.found[key] = self._records() if key == self.records_key else self._count(key)

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

    def _count(self, key: str) -> int:
        start, self.at = self.at, self._end_of_value()
        if not _COUNT.fullmatch(self.body, start, self.at):
            raise PageError(f"has a `{key}` that is not a count")
        return int(self.body[start : self.at])

    def _records(self) -> int:
        if not self._comes(b"["):
            raise PageError(f"has no list under `{self.records_key}`")
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
        if self.lines is not None:
            self.lines.write(self.body[start : self.at].translate(_ON_ONE_LINE) + b"\n")

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
