"""What is a record of a CSV file and what is not, decided line by line without DuckDB.

DuckDB reads CSV fast, and on odd files loses lines without a word (a line of 50 MB, line ends of two kinds),
so a file whose line count does not come out is fixed here first: `fix` writes the sound records in a form
that leaves nothing to interpretation and reports every other line. Counting and quoting bytes is `text`'s.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

from tidegate.intake.files.text import BLOCK, MAX_RECORD, BrokenLine, RowWriter, end_of_run, open_text

# RFC 4180, and as DuckDB: spaces around a quoted field are not its own, a quote inside an unquoted field is a
# character. `[^"]*(?:""[^"]*)*` instead of `(?:[^"]|"")*`: the second takes exponential time on a lost quote.
FIELD = re.compile(rb' *"([^"\0]*(?:""[^"\0]*)*)" *(,|\r?\n|\Z)|(?! *")([^,\r\n\0]*)(,|\r?\n|\Z)')

# Taken at once: a kilobyte of gzip may hold a million of them.
EMPTY_LINES = re.compile(rb"[\r\n]+")


@dataclass(frozen=True)
class Header:
    """The first record of a file. `lines` is how many lines it takes, empty ones before it included."""

    names: tuple[str, ...]
    lines: int


def parse_record(text: bytes, start: int = 0) -> tuple[list[bytes], int] | None:
    """The fields of the record at `start`, and where it ends; None when it is broken or cut off."""
    fields = []
    while match := FIELD.match(text, start):
        quoted, quoted_end, plain, plain_end = match.groups()
        fields.append(plain if quoted is None else quoted.replace(b'""', b'"'))
        start = match.end()
        if (quoted_end or plain_end) != b",":
            return fields, start
    return None


def read_header(path: Path, gzipped: bool, cr_only: bool) -> Header | None:
    """The header; None when the file has no line that could be one. Raises UnicodeDecodeError."""
    with open_text(path, gzipped) as stream:
        text = _unix(stream.read(MAX_RECORD + 1), cr_only).removeprefix(BOM_UTF8)
    content = text.lstrip(b"\r\n")
    parsed = parse_record(content)
    if not content or parsed is None or parsed[1] > MAX_RECORD:
        return None
    fields, end = parsed
    lines = text[: len(text) - len(content) + end].count(b"\n")
    return Header(tuple(field.decode("utf-8").strip() for field in fields), lines)


def fix(path: Path, gzipped: bool, cr_only: bool, width: int, sound: RowWriter) -> Iterator[BrokenLine]:
    """Write the records of `width` fields, without the header, to `sound`; yields the lines that are none.

    A quote that never closes costs its own line only: the lines it would swallow are read as lines again.
    """
    with open_text(path, gzipped) as stream:
        yield from _Mender(stream, cr_only, width, sound).run()


class _Mender:
    """A window over the file that reaches MAX_RECORD bytes ahead, so that it cuts no record off."""

    def __init__(self, stream: BufferedIOBase, cr_only: bool, width: int, sound: RowWriter) -> None:
        self.stream = stream
        self.cr_only = cr_only
        self.width = width
        self.sound = sound
        # A record on one line with nothing odd about its quotes.
        field = rb'(?:"[^"\r\n\0]*(?:""[^"\r\n\0]*)*"|[^",\r\n\0]*)'
        self.quoted_record = re.compile(rb"%s(?:,%s){%d}" % (field, field, width - 1))
        self.text = b""
        self.position = 0
        self.line = 1
        self.at_end = False

    def run(self) -> Iterator[BrokenLine]:
        self._fill()
        self._skip_header()
        while self._fill():
            if not self._take_plain_lines():
                yield from self._take_one_by_one(self.position + BLOCK)

    def _fill(self) -> bool:
        """Look further ahead; False at the end of the file."""
        missing = 2 * MAX_RECORD - (len(self.text) - self.position)
        if missing > MAX_RECORD // 2 and not self.at_end:
            more = self.stream.read(missing)
            self.at_end = len(more) < missing
            self.text = self.text[self.position :] + _unix(more, self.cr_only)
            self.position = 0
        return self.position < len(self.text)

    def _skip_header(self) -> None:
        if self.text.startswith(BOM_UTF8):
            self.position = len(BOM_UTF8)
        while self.text[self.position : self.position + 1] in (b"\r", b"\n"):
            self._advance(self.position + 1)
        if parsed := parse_record(self.text, self.position):
            self._advance(parsed[1])

    def _advance(self, end: int) -> None:
        self.line += self.text.count(b"\n", self.position, end)
        self.position = end

    def _take_plain_lines(self) -> bool:
        """Take a block of lines at once when each is a record as it stands: 10 times faster than singly."""
        end = self.text.rfind(b"\n", self.position, self.position + BLOCK) + 1
        block = self.text[self.position : end]
        if not block or b'"' in block or b"\r" in block or b"\0" in block or not _is_utf8(block):
            return False
        lines, commas = block.split(b"\n")[:-1], self.width - 1
        if any(line.count(b",") != commas or not line for line in lines):
            return False
        self.sound.take(block, len(lines))
        self._advance(end)
        return True

    def _take_one_by_one(self, until: int) -> Iterator[BrokenLine]:
        while self.position < min(until, len(self.text)) and (self.at_end or self._sees_far_enough()):
            start, number = self.position, self.line
            line = self._line_at(start)
            if self._is_plain(line):
                self.sound.take(line.removesuffix(b"\n").removesuffix(b"\r") + b"\n", 1)
                self._advance(start + len(line))
            elif self._is_blank(line):
                self._advance(end_of_run(EMPTY_LINES, self.text, start) or start + len(line))
            elif (record := self._record_at(start)) is not None:
                self.sound.add(record[0])
                self._advance(record[1])
            else:
                yield self._take_broken(number, line)

    def _sees_far_enough(self) -> bool:
        return len(self.text) - self.position > MAX_RECORD

    def _line_at(self, start: int) -> bytes:
        end = self.text.find(b"\n", start) + 1
        return self.text[start : end or len(self.text)]

    def _is_plain(self, line: bytes) -> bool:
        """Whether a line is a record as it stands, whoever reads it."""
        content = line.removesuffix(b"\n").removesuffix(b"\r")
        if not content or len(content) > MAX_RECORD or not _is_utf8(content):
            return False
        if b'"' in content:
            return self.quoted_record.fullmatch(content) is not None
        return content.count(b",") == self.width - 1 and b"\r" not in content and b"\0" not in content

    def _is_blank(self, line: bytes) -> bool:
        # With a single column, an empty line is a row with an empty value.
        return self.width > 1 and not line.strip(b"\r\n")

    def _record_at(self, start: int) -> tuple[list[bytes], int] | None:
        parsed = parse_record(self.text, start)
        if parsed is None or parsed[1] - start > MAX_RECORD:
            return None
        fields, end = parsed
        fits = len(fields) == self.width or (len(fields) > self.width and not any(fields[self.width :]))
        return (fields[: self.width], end) if fits and all(map(_is_utf8, fields)) else None

    def _take_broken(self, number: int, line: bytes) -> BrokenLine:
        length = len(line) - line.endswith(b"\n")
        self._advance(self.position + len(line))
        while not line.endswith(b"\n") and not self.at_end:
            self._fill()
            rest = self._line_at(self.position)
            length += len(rest) - rest.endswith(b"\n")
            self._advance(self.position + len(rest))
            line = line[:MAX_RECORD] + rest[-1:]
        return BrokenLine(number, line.removesuffix(b"\n")[:MAX_RECORD], length)


def _is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _unix(text: bytes, cr_only: bool) -> bytes:
    return text.replace(b"\r", b"\n") if cr_only else text
