"""A text file as it is read: UTF-8, without the lines around its data. A copy, where it was not so already.

What a contract says of encoding, of lines before the header and of a footer is done here, for every text.
"""

from __future__ import annotations

import codecs
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from tidegate.contract.files import TextOptions
from tidegate.intake.files.formats.layout import UnreadableFileError
from tidegate.intake.files.text import BLOCK, open_text

UTF_8 = "utf-8"
UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

# A footer is a few lines. A pattern that matches a row far from the end must not take the rows after it.
FOOTER_REACHES_BACK = 20


@dataclass(frozen=True)
class Plain:
    """Where the plain text is, and how many lines of the file stand before its first."""

    path: Path
    skipped: int


def is_plain(options: TextOptions) -> bool:
    return options.encoding == UTF_8 and not (options.skip_lines or options.footer or options.footer_lines)


def make_plain(path: Path, gzipped: bool, options: TextOptions, to: Path, most: int) -> Plain | None:
    """Write the plain text; None when it would have more than `most` bytes. Raises UnreadableFileError."""
    written = 0
    with open_text(path, gzipped) as stream, to.open("wb") as plain:
        for block in _decoded(stream, options.encoding):
            written += plain.write(block)
            if written > most:
                return None
    _cut_footer(to, options)
    skipped = _cut_first_lines(to, options.skip_lines)
    return Plain(to, skipped)


def _decoded(stream: BufferedReader, encoding: str) -> Iterator[bytes]:
    """The bytes as UTF-8. Text that is UTF-8 where another encoding is stated is refused: it would be read wrongly."""
    if encoding == UTF_8:
        yield from iter(lambda: stream.read(BLOCK), b"")
        return
    _refuse_another_mark(stream.peek(4)[:4], encoding)
    decoder = codecs.getincrementaldecoder(encoding)()
    suspect = _MaybeUtf8()
    at = 0
    while True:
        block = stream.read(BLOCK)
        suspect.see(block)
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeError as error:
            raise UnreadableFileError(_not_of_encoding(error, encoding, at)) from error
        at += len(block)
        yield text.encode(UTF_8, "surrogatepass")
        if not block:
            break
    if suspect.is_utf8:
        raise UnreadableFileError(
            f"is UTF-8 text, and the contract says `encoding: {encoding}`: its letters would be read as others. "
            "Remove `encoding` from the contract's server, or send the file as it says"
        )


def _refuse_another_mark(start: bytes, encoding: str) -> None:
    marked = {codecs.BOM_UTF8: UTF_8, codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
    found = next((name for mark, name in marked.items() if start.startswith(mark)), None)
    if found and not encoding.startswith((found, "utf-32")):
        raise UnreadableFileError(
            f"begins with the mark of {found.upper()}, and the contract says `encoding: {encoding}`. "
            f"Write `encoding: {found}` at the contract's server"
        )


def _not_of_encoding(error: UnicodeError, encoding: str, at: int) -> str:
    where = ""
    if isinstance(error, UnicodeDecodeError):
        byte = error.object[error.start : error.start + 1].hex().upper()
        where = f": the byte 0x{byte} near position {at + error.start:,} is none of it"
    return f"is not {encoding}{where}. Write the file's own `encoding` at the contract's server"


class _MaybeUtf8:
    """Whether all blocks together are UTF-8 with letters that are not ASCII."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder(UTF_8)()
        self._failed = False
        self._beyond_ascii = False

    def see(self, block: bytes) -> None:
        if self._failed:
            return
        self._beyond_ascii = self._beyond_ascii or not block.isascii()
        try:
            self._decoder.decode(block, final=not block)
        except UnicodeDecodeError:
            self._failed = True

    @property
    def is_utf8(self) -> bool:
        return self._beyond_ascii and not self._failed


def encoding_in_doubt(path: Path, gzipped: bool) -> str | None:
    """Why a text is of another encoding than UTF-8: it has letters that are not ASCII, and none of them is UTF-8.

    One line among UTF-8 that is none is a broken line, and costs no other.
    """
    number = 1
    first: tuple[int, int] | None = None
    with open_text(path, gzipped) as stream:
        while block := stream.read(BLOCK):
            block += stream.readline()
            if not block.isascii():
                found = block.decode(UTF_8, "surrogateescape")
                bad = re.search("[\udc80-\udcff]", found)
                if re.search("[^\x00-\x7f\udc80-\udcff]", found):
                    return None
                if bad and first is None:
                    first = number + found.count("\n", 0, bad.start()), ord(bad[0]) - 0xDC00
            number += block.count(b"\n")
    if first is None:
        return None
    line, byte = first
    return (
        f"is not UTF-8: line {line:,} has the byte 0x{byte:02X}, and no letter of the file is UTF-8. If it is of a "
        "Western Windows, write `encoding: windows-1252` at the contract's server"
    )


def _cut_first_lines(path: Path, lines: int) -> int:
    if not lines:
        return 0
    kept = path.with_suffix(".kept")
    skipped = 0
    with path.open("rb") as stream, kept.open("wb") as rest:
        while skipped < lines and stream.readline():
            skipped += 1
        while block := stream.read(BLOCK):
            rest.write(block)
    kept.replace(path)
    return skipped


def _cut_footer(path: Path, options: TextOptions) -> None:
    """Cut the file before its footer, where it has one."""
    if not (options.footer or options.footer_lines):
        return
    last: deque[tuple[int, bytes]] = deque(maxlen=max(options.footer_lines, FOOTER_REACHES_BACK))
    position = 0
    with path.open("rb") as stream:
        for line in stream:
            if line.strip():
                last.append((position, line))
            position += len(line)
    lines = list(last)
    if options.footer_lines:
        lines = lines[-options.footer_lines :]
    if options.footer:
        pattern = re.compile(options.footer)
        matching = (at for at, line in lines if pattern.search(line.decode(UTF_8, "replace").strip("\ufeff\r\n")))
        start = next(matching, None)
    else:
        start = lines[0][0] if lines else None
    if start is not None:
        with path.open("r+b") as stream:
            stream.truncate(start)
