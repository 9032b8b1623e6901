"""What kind of file this is, and its bytes as they are to be read, or why nobody can read it.

Bytes speak louder than names: gzip data is unpacked, and Parquet is read as Parquet whatever the file is
called. What each format makes of its files is in `formats`.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tidegate.contract.files import FileFormat
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
from tidegate.intake.files.text import census, open_text

GZIP = b"\x1f\x8b"
PARQUET = b"PAR1"
FOREIGN = {
    b"PK\x03\x04": "is a ZIP archive or an Excel workbook",
    b"\x28\xb5\x2f\xfd": "is compressed with zstd",
    b"BZh": "is compressed with bzip2",
    b"\xfd7zXZ": "is compressed with xz",
    b"\xff\xfe": "is UTF-16 text",
    b"\xfe\xff": "is UTF-16 text",
    GZIP: "is a gzip file inside a gzip file",
    PARQUET: "is a Parquet file inside a gzip file",
}

_SUFFIXES = {suffix: name for name, of_it in FORMATS.items() for suffix in of_it.suffixes}


def examine(contract: Contract, file: DataFile) -> tuple[Opened, Examined]:
    """Look at a file, once through. Raises UnreadableFileError."""
    file_format, gzipped = kind_of(file.archived, file.name, file.options.format)
    opened = Opened(contract, file, file.archived, gzipped)
    if file_format == "parquet":
        return opened, FORMATS[file_format].examine(opened)
    with _damage_as_error():
        most = most_unpacked(contract, file)
        counted = census(file.archived, gzipped, most)
        if counted is None:
            raise trap(contract, f"{most:,} bytes")
        opened = Opened(contract, file, file.archived, gzipped, counted)
        return opened, FORMATS[file_format].examine(opened)


def kind_of(path: Path, name: str, declared: FileFormat | None) -> tuple[FileFormat, bool]:
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
    return _text_format(name, declared, head), gzipped


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
