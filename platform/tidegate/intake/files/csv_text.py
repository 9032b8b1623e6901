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
from functools import cached_property
from io import BufferedIOBase
from pathlib import Path

from tidegate.contract.files import CsvOptions, TextOptions
from tidegate.intake.files.text import BLOCK, MAX_RECORD, BrokenLine, RowWriter, end_of_run, open_text

# Taken at once: a kilobyte of gzip may hold a million of them.
EMPTY_LINES = re.compile(rb"[\r\n]+")


@dataclass(frozen=True)
class Header:
    """The first record of a file. `lines` is how many lines it takes, empty ones before it included."""

    names: tuple[str, ...]
    lines: int


@dataclass(frozen=True)
class Dialect:
    """How fields are told apart, in bytes of UTF-8; `width` is how many a record has, where that is known.

    As RFC 4180 and DuckDB have it: spaces around a quoted field are not its own, a quote inside an unquoted field is a
    character. `fills` and `cuts` say whether a record with too few or too many fields is one.
    """

    delimiter: bytes = b","
    quote: bytes = b'"'
    escape: bytes = b'"'
    comment: bytes = b""
    fills: bool = False
    cuts: bool = False

    @classmethod
    def of(cls, csv: CsvOptions, text: TextOptions) -> Dialect:
        delimiter, quote, escape, comment = (
            each.encode() for each in (csv.delimiter, csv.quote, csv.escape, text.comment)
        )
        return cls(delimiter, quote, escape, comment, csv.short_rows == "fill", csv.long_rows == "cut")

    @property
    def is_standard(self) -> bool:
        return self.delimiter == b"," and self.quote == self.escape == b'"'

    @cached_property
    def odd(self) -> tuple[bytes, ...]:
        """What keeps a line from being cut at its delimiters and nowhere else."""
        return tuple({each for each in (self.quote, self.quote and self.escape, b"\r", b"\0") if each})

    @cached_property
    def field(self) -> re.Pattern[bytes]:
        """One field: quoted, what ends it then, plain, and what ends it then."""
        delimiter, quote = re.escape(self.delimiter), re.escape(self.quote)
        escape = re.escape(self.escape)
        escapes = self.quote and self.escape and self.escape != self.quote
        end = rb"(%s|\r?\n|\Z)" % delimiter
        char = rb"(?!%s)[^\r\n\0]" % delimiter if len(self.delimiter) > 1 else rb"[^%s\r\n\0]" % delimiter
        plain = rb"(?:%s[^\0]|(?!%s)%s)*" % (escape, escape, char) if escapes else rb"(?:%s)*" % char
        if len(self.delimiter) == 1 and not escapes:
            plain = rb"[^%s\r\n\0]*" % delimiter
        if not self.quote:
            return re.compile(rb"(?!)()()|(%s)%s" % (plain, end), re.DOTALL)
        # `[^"]*(?:""[^"]*)*` instead of `(?:[^"]|"")*`: the second takes exponential time on a lost quote.
        inside = rb"[^%s%s\0]" % (quote, escape)
        again = escape + rb"[^\0]" if escapes else quote + quote
        quoted = rb"%s(%s*(?:%s%s*)*)%s" % (quote, inside, again, inside, quote)
        space = b"" if b" " in self.delimiter else b" *"
        return re.compile(
            rb"%s%s%s%s|(?!%s%s)(%s)%s" % (space, quoted, space, end, space, quote, plain, end), re.DOTALL
        )

    @cached_property
    def _escaped(self) -> re.Pattern[bytes]:
        # Before anything else the escape is a character, as in `\\N` and `c:\\dir`.
        stands_for = [self.quote, self.escape, self.delimiter, b"\n", b"\r\n"]
        return re.compile(re.escape(self.escape) + b"(%s)" % b"|".join(map(re.escape, stands_for)))

    def meant(self, quoted: bytes | None, plain: bytes) -> bytes:
        """What a field says."""
        if self.quote and self.escape == self.quote:
            return plain if quoted is None else quoted.replace(self.quote * 2, self.quote)
        text = plain if quoted is None else quoted
        return self._escaped.sub(rb"\1", text) if self.quote and self.escape else text

    def fitted(self, fields: list[bytes], width: int) -> list[bytes] | None:
        """The fields as a record of this width; None where they are none."""
        if len(fields) < width:
            return fields + [b""] * (width - len(fields)) if self.fills else None
        return fields[:width] if self.cuts or not any(fields[width:]) else None


STANDARD = Dialect()


def parse_record(text: bytes, start: int = 0, dialect: Dialect = STANDARD) -> tuple[list[bytes], int] | None:
    """The fields of the record at `start`, and where it ends; None when it is broken or cut off."""
    fields = []
    while match := dialect.field.match(text, start):
        quoted, quoted_end, plain, plain_end = match.groups()
        fields.append(dialect.meant(quoted, plain))
        start = match.end()
        if (quoted_end or plain_end) != dialect.delimiter:
            return fields, start
    return None


def read_header(path: Path, gzipped: bool, cr_only: bool, dialect: Dialect = STANDARD) -> Header | None:
    """The first record; None when the file has no line that could be one. Raises UnicodeDecodeError."""
    with open_text(path, gzipped) as stream:
        text = _unix(stream.read(MAX_RECORD + 1), cr_only).removeprefix(BOM_UTF8)
    start = _after_no_records(text, 0, dialect)
    parsed = parse_record(text, start, dialect)
    if start >= len(text) or parsed is None or parsed[1] - start > MAX_RECORD:
        return None
    fields, end = parsed
    return Header(tuple(field.decode("utf-8").strip() for field in fields), text[:end].count(b"\n"))


def _after_no_records(text: bytes, start: int, dialect: Dialect) -> int:
    """Where the first line begins that is neither empty nor a comment."""
    while start < len(text):
        if text[start : start + 1] in (b"\r", b"\n"):
            start += 1
        elif dialect.comment and text.startswith(dialect.comment, start):
            start = (text.find(b"\n", start) + 1) or len(text)
        else:
            break
    return start


def fix(
    path: Path,
    gzipped: bool,
    cr_only: bool,
    width: int,
    sound: RowWriter,
    dialect: Dialect = STANDARD,
    has_header: bool = True,
) -> Iterator[BrokenLine]:
    """Write the records of `width` fields, without the header, to `sound`; yields the lines that are none.

    A quote that never closes costs its own line only: the lines it would swallow are read as lines again.
    """
    with open_text(path, gzipped) as stream:
        yield from _Mender(stream, cr_only, width, sound, dialect, has_header).run()


class _Mender:
    """A window over the file that reaches MAX_RECORD bytes ahead, so that it cuts no record off."""

    def __init__(
        self,
        stream: BufferedIOBase,
        cr_only: bool,
        width: int,
        sound: RowWriter,
        dialect: Dialect,
        has_header: bool,
    ) -> None:
        self.stream = stream
        self.cr_only = cr_only
        self.width = width
        self.sound = sound
        self.dialect = dialect
        self.has_header = has_header
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
        self._advance(_after_no_records(self.text, self.position, self.dialect))
        if self.has_header and (parsed := parse_record(self.text, self.position, self.dialect)):
            self._advance(parsed[1])

    def _advance(self, end: int) -> None:
        self.line += self.text.count(b"\n", self.position, end)
        self.position = end

    def _take_plain_lines(self) -> bool:
        """Take a block of lines at once when each is a record as it stands: 10 times faster than singly."""
        end = self.text.rfind(b"\n", self.position, self.position + BLOCK) + 1
        block = self.text[self.position : end]
        if not block or any(each in block for each in self.dialect.odd) or not _is_utf8(block):
            return False
        delimiter, comment = self.dialect.delimiter, self.dialect.comment
        lines, delimiters = block.split(b"\n")[:-1], self.width - 1
        if any(line.count(delimiter) != delimiters or not line for line in lines):
            return False
        if comment and any(line.startswith(comment) for line in lines):
            return False
        if delimiter != b"," and (b"," in block or b'"' in block):
            for line in lines:
                self.sound.add(line.split(delimiter))
        else:
            self.sound.take(block.replace(delimiter, b","), len(lines))
        self._advance(end)
        return True

    def _take_one_by_one(self, until: int) -> Iterator[BrokenLine]:
        while self.position < min(until, len(self.text)) and (self.at_end or self._sees_far_enough()):
            start, number = self.position, self.line
            line = self._line_at(start)
            if self._is_plain(line):
                self.sound.take(line.removesuffix(b"\n").removesuffix(b"\r") + b"\n", 1)
                self._advance(start + len(line))
            elif self.dialect.comment and line.startswith(self.dialect.comment):
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
        if not self.dialect.is_standard or not content or len(content) > MAX_RECORD or not _is_utf8(content):
            return False
        if self.dialect.comment and line.startswith(self.dialect.comment):
            return False
        if b'"' in content:
            return self.quoted_record.fullmatch(content) is not None
        return content.count(b",") == self.width - 1 and b"\r" not in content and b"\0" not in content

    def _is_blank(self, line: bytes) -> bool:
        # With a single column, an empty line is a row with an empty value.
        return self.width > 1 and not line.strip(b"\r\n")

    def _record_at(self, start: int) -> tuple[list[bytes], int] | None:
        parsed = parse_record(self.text, start, self.dialect)
        if parsed is None or parsed[1] - start > MAX_RECORD:
            return None
        fields, end = parsed
        fitted = self.dialect.fitted(fields, self.width)
        return (fitted, end) if fitted and all(map(_is_utf8, fitted)) else None

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
