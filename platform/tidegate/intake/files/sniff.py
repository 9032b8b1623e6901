"""What kind of file this is, and its bytes as they are to be read, or why nobody can read it.

Bytes speak louder than names: gzip data is unpacked, and Parquet is read as Parquet whatever the file is
called. What each format makes of its files is in `formats`.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tidegate.contract.files import FileFormat, FileOptions
from tidegate.contract.model import Contract
from tidegate.intake.files.formats import FORMATS
from tidegate.intake.files.formats.layout import (
    ADVICE,
    DataFile,
    Examined,
    Opened,
    UnreadableFileError,
    most_unpacked,
    trap,
)
from tidegate.intake.files.plain import UTF_8, UTF_16_MARKS, encoding_in_doubt, is_plain, make_plain
from tidegate.intake.files.text import census, open_text

GZIP = b"\x1f\x8b"
PARQUET = b"PAR1"
FOREIGN = {
    b"PK\x03\x04": "is a ZIP archive or an Excel workbook",
    b"\x28\xb5\x2f\xfd": "is compressed with zstd",
    b"BZh": "is compressed with bzip2",
    b"\xfd7zXZ": "is compressed with xz",
    GZIP: "is a gzip file inside a gzip file",
    PARQUET: "is a Parquet file inside a gzip file",
}

_SUFFIXES = {suffix: name for name, of_it in FORMATS.items() for suffix in of_it.suffixes}


def examine(contract: Contract, file: DataFile, plain: Path) -> tuple[Opened, Examined]:
    """Look at a file, once through. `plain` is where a copy may stand of what is not plain text. Raises
    UnreadableFileError."""
    file_format, gzipped = kind_of(file.archived, file.name, file.options)
    opened = Opened(contract, file, file.archived, gzipped)
    if file_format == "parquet":
        return opened, FORMATS[file_format].examine(opened)
    with _damage_as_error():
        most = most_unpacked(contract, file)
        opened = _made_plain(opened, plain, most)
        counted = census(opened.path, opened.gzipped, most)
        if counted is None:
            raise trap(contract, f"{most:,} bytes")
        if (
            file_format != "json"
            and file.options.text.encoding == UTF_8
            and (why := encoding_in_doubt(opened.path, opened.gzipped))
        ):
            raise UnreadableFileError(why)
        opened = replace(opened, census=counted)
        return opened, FORMATS[file_format].examine(opened)


def _made_plain(opened: Opened, plain: Path, most: int) -> Opened:
    if is_plain(opened.options.text):
        return opened
    found = make_plain(opened.path, opened.gzipped, opened.options.text, plain, 2 * most)
    if found is None:
        raise trap(opened.contract, f"{most:,} bytes")
    return replace(opened, path=found.path, gzipped=False, skipped=found.skipped)


def kind_of(path: Path, name: str, options: FileOptions) -> tuple[FileFormat, bool]:
    """The file's format and whether it is gzipped. Raises UnreadableFileError."""
    with path.open("rb") as stream:
        start = stream.read(4)
    if start == PARQUET:
        return "parquet", False
    gzipped = start.startswith(GZIP)
    with _damage_as_error(), open_text(path, gzipped) as stream:
        head = stream.read(8)
    for magic, what in FOREIGN.items():
        if head.startswith(magic):
            raise UnreadableFileError(f"{what}. {ADVICE}")
    if head.startswith(UTF_16_MARKS) and options.text.encoding == UTF_8:
        raise UnreadableFileError(
            "is UTF-16 text. Write `encoding: utf-16` at the contract's server, or send it as UTF-8"
        )
    return _text_format(name, options.format, head), gzipped


def _text_format(name: str, declared: FileFormat | None, head: bytes) -> FileFormat:
    chosen = declared or _SUFFIXES.get(Path(name.lower().removesuffix(".gz")).suffix)
    if chosen is None:
        raise UnreadableFileError(
            f"has a name that does not tell its format. {ADVICE}, or set `format` at the contract's server"
        )
    if chosen == "parquet":
        raise UnreadableFileError(f"does not begin as a Parquet file does. {ADVICE}")
    if chosen == "csv" and not head:
        raise UnreadableFileError("is empty. A day without rows is a file with only its header")
    return chosen


@contextmanager
def _damage_as_error() -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableFileError(f"is a damaged gzip file ({error})") from error
