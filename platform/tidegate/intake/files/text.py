"""Text files as bytes: opening them, counting their lines, and quoting the lines that cannot be read.

The counts are the second opinion that every reader's result is held against, so nothing here uses DuckDB.
What a line means belongs to `csv_text` and `json_text`.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from io import BufferedIOBase, BufferedReader
from pathlib import Path

BLOCK = 1 << 20

# DuckDB's own limit (max_line_size). A longer record is not a row of a table but a lost line end or quote.
MAX_RECORD = 2_000_000

# Lines without content, taken at once: a kilobyte of gzip may hold a million of them.
BLANK_LINES = re.compile(rb"[ \t\r\f\v\n]+")

WORTH_LOOKING_AHEAD = 1_000

# Of a line that cannot be read, quarantine shows this many characters and says where the rest is.
MAX_SHOWN = 200_000


@dataclass(frozen=True)
class Census:
    """What a text file holds, counted over its (unpacked) bytes. The last line needs no line end to count."""

    lines: int
    line_feeds: int
    carriage_returns: int
    pairs: int
    nuls: int
    quotes: bool
    # Of a packed file, of which little may hold many lines that are no rows; None of others.
    commas: int | None = None
    braces: int | None = None
    # Then it is of nearly every encoding, and nobody has to look which.
    is_ascii: bool = False

    @property
    def is_regular(self) -> bool:
        """Whether every line ends alike and nothing in it is binary, so that nothing misleads a reader."""
        unix = self.carriage_returns == 0
        windows = self.carriage_returns == self.pairs == self.line_feeds
        return self.nuls == 0 and (unix or windows)

    @property
    def ends_lines_with_cr_only(self) -> bool:
        return self.line_feeds == 0 and self.carriage_returns > 0


NOT_COUNTED = Census(0, 0, 0, 0, 0, quotes=False)


@dataclass(frozen=True)
class BrokenLine:
    """A line (the first is 1) that is not a row: its bytes, at most MAX_RECORD of them, and its whole length."""

    number: int
    bytes: bytes
    length: int

    @property
    def shown(self) -> str:
        """The line as text that any table can hold: what is not UTF-8 shows as `\\xff`, a NUL as `\\x00`."""
        text = self.bytes.removesuffix(b"\r").decode("utf-8", "backslashreplace").replace("\0", "\\x00")
        if self.length <= len(self.bytes) and len(text) <= MAX_SHOWN:
            return text
        return f"{text[:MAX_SHOWN]} [... the line has {self.length:,} bytes; all of them are in the archive]"


class RowWriter:
    """Writes rows as CSV that leaves nothing to interpretation; `rows` is how many."""

    def __init__(self, stream: BufferedIOBase) -> None:
        self._stream = stream
        self.rows = 0

    def take(self, text: bytes, rows: int) -> None:
        """Rows that are CSV as they stand, each with its line feed."""
        self._stream.write(text)
        self.rows += rows

    def add(self, fields: Iterable[bytes]) -> None:
        quoted = (b'"' + field.replace(b'"', b'""') + b'"' for field in fields)
        self.take(b",".join(quoted) + b"\n", 1)


def open_text(path: Path, gzipped: bool) -> BufferedReader:
    """The unpacked bytes. Damaged gzip data raises gzip.BadGzipFile, EOFError or zlib.error when read."""
    return BufferedReader(gzip.open(path, "rb"), BLOCK) if gzipped else path.open("rb")


def census(path: Path, gzipped: bool, most: int) -> Census | None:
    """What the file holds; None when it is packed and unpacks to more than `most` bytes."""
    size = 0
    line_feeds = carriage_returns = pairs = nuls = commas = braces = 0
    quotes = False
    is_ascii = True
    last = b""
    with open_text(path, gzipped) as stream:
        while block := stream.read(BLOCK):
            size += len(block)
            if gzipped:
                if size > most:
                    return None
                commas += block.count(b",")
                braces += block.count(b"{")
            line_feeds += block.count(b"\n")
            nuls += block.count(b"\0")
            quotes = quotes or b'"' in block
            is_ascii = is_ascii and block.isascii()
            if b"\r" in block:
                carriage_returns += block.count(b"\r")
                pairs += block.count(b"\r\n")
            # A pair that the block boundary cut in two.
            pairs += last == b"\r" and block[:1] == b"\n"
            last = block[-1:]
    unended = last not in (b"", b"\n")
    return Census(
        line_feeds + unended,
        line_feeds,
        carriage_returns,
        pairs,
        nuls,
        quotes,
        commas if gzipped else None,
        braces if gzipped else None,
        is_ascii,
    )


def lines_of(stream: BufferedIOBase) -> Iterator[tuple[bytes, int]]:
    """Every line without its line feed, with its whole length; the bytes stop after MAX_RECORD + 1."""
    # readline with a limit keeps a line of any length from filling the memory.
    while line := stream.readline(MAX_RECORD + 1):
        length = len(line)
        while not line.endswith(b"\n") and (rest := stream.readline(BLOCK)):
            length += len(rest)
            if rest.endswith(b"\n"):
                length -= 1
                break
        yield (line[:-1], length - 1) if line.endswith(b"\n") else (line, length)


def end_of_run(lines: re.Pattern[bytes], text: bytes, start: int = 0) -> int:
    """Where the lines at `start` end that hold only what the pattern matches; 0 when there are none."""
    run = lines.match(text, start)
    return text.rfind(b"\n", start, run.end()) + 1 if run else 0


def content_lines(stream: BufferedReader) -> Iterator[tuple[int, bytes, int]]:
    """As `lines_of`, every line that is not blank, with how many blank ones stand before it.

    Blank ones at the end come before a line of nothing.
    """
    blank = 0
    for line, length in lines_of(stream):
        if line.strip() or length > len(line):
            yield blank, line, length
            blank = 0
            continue
        blank += 1
        # Looking ahead copies what is ahead, which a few lines are not worth.
        while blank >= WORTH_LOOKING_AHEAD and (end := end_of_run(BLANK_LINES, stream.peek())):
            blank += stream.read(end).count(b"\n")
    if blank:
        yield blank, b"", 0


def quote_lines(path: Path, gzipped: bool, numbers: Collection[int]) -> Iterator[BrokenLine]:
    """The lines with these numbers, in order."""
    remaining = set(numbers)
    with open_text(path, gzipped) as stream:
        for number, (line, length) in enumerate(lines_of(stream), start=1):
            if number in remaining:
                yield BrokenLine(number, line, length)
                remaining.discard(number)
                if not remaining:
                    return
