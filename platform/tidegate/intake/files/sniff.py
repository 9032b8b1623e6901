"""What kind of file this is, and its bytes as they are to be read, or why nobody can read it.

Bytes speak louder than names: what is packed is unpacked, and Parquet is read as Parquet whatever the file is
called. What each format makes of its files is in `formats`; files in ZIP archives are `archives`'.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tidegate.contract.files import FileFormat
from tidegate.contract.model import Contract
from tidegate.intake.files import json_text
from tidegate.intake.files.archives import is_workbook
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
from tidegate.intake.files.unpacking import PACKED_SUFFIXES, ZIP, PackedError, TooLargeError, packing_of, unpack

_MAGIC: dict[bytes, FileFormat] = {b"PAR1": "parquet", b"Obj\x01": "avro", b"ORC": "orc"}
FOREIGN = {
    b"\xd0\xcf\x11\xe0": "is an Excel workbook of the old kind (.xls), or has a password: save it as .xlsx, without",
}
_CALLED = {"parquet": "a Parquet", "avro": "an Avro", "orc": "an ORC", "xlsx": "an Excel"}
_SUFFIXES = {suffix: name for name, of_it in FORMATS.items() for suffix in of_it.suffixes}

# Read as lines, which are counted first.
_LINES: tuple[FileFormat, ...] = ("csv", "fixed_width", "json")


def examine(contract: Contract, file: DataFile, plain: Path) -> tuple[Opened, Examined]:
    """Look at a file, once through. `plain` is where a copy may stand of what is not plain text. Raises
    UnreadableFileError."""
    opened, file_format = _opened(contract, file, plain.with_suffix(".unpacked"))
    if file_format not in _LINES:
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
            and not counted.is_ascii
            and (why := encoding_in_doubt(opened.path, opened.gzipped))
        ):
            raise UnreadableFileError(why)
        opened = replace(opened, census=counted)
        return opened, FORMATS[file_format].examine(opened)


def _opened(contract: Contract, file: DataFile, room: Path) -> tuple[Opened, FileFormat]:
    """The file, unpacked into `room` unless DuckDB reads it as it is, and its format."""
    path, gzipped = file.archived, False
    packing = packing_of(_head(path, gzipped=False))
    if packing == "gzip":
        gzipped = True
    elif packing:
        path = _unpacked(contract, file, room)
    head = _head(path, gzipped)
    if packing and packing_of(head):
        raise UnreadableFileError(f"is a {packing_of(head)} file inside a {packing} file. Pack it once")
    file_format = _format_of(file, path, head, gzipped)
    if gzipped and file_format not in _LINES:
        path, gzipped = _unpacked(contract, file, room), False
    if file_format == "xlsx" and not _is_workbook(path):
        raise UnreadableFileError(f"is a ZIP archive that is no workbook. {ADVICE}")
    return Opened(contract, file, path, gzipped), file_format


def _made_plain(opened: Opened, plain: Path, most: int) -> Opened:
    if is_plain(opened.options.text):
        return opened
    found = make_plain(opened.path, opened.gzipped, opened.options.text, plain, 2 * most)
    if found is None:
        raise trap(opened.contract, f"{most:,} bytes")
    return replace(opened, path=found.path, gzipped=False, skipped=found.skipped)


def _head(path: Path, gzipped: bool) -> bytes:
    with _damage_as_error(), open_text(path, gzipped) as stream:
        return stream.read(8)


def _unpacked(contract: Contract, file: DataFile, room: Path) -> Path:
    most = most_unpacked(contract, file)
    try:
        unpack(file.archived, room, most)
    except TooLargeError:
        raise trap(contract, f"{most:,} bytes") from None
    except PackedError as error:
        raise UnreadableFileError(str(error)) from error
    return room


def _is_workbook(path: Path) -> bool:
    try:
        return is_workbook(path)
    except PackedError as error:
        raise UnreadableFileError(str(error)) from error


def _format_of(file: DataFile, path: Path, head: bytes, gzipped: bool) -> FileFormat:
    for magic, file_format in _MAGIC.items():
        if head.startswith(magic):
            return file_format
    if head.startswith(ZIP):
        return "xlsx"
    for magic, what in FOREIGN.items():
        if head.startswith(magic):
            raise UnreadableFileError(f"{what}. {ADVICE}")
    if head.startswith(UTF_16_MARKS) and file.options.text.encoding == UTF_8 and file.options.format != "xml":
        raise UnreadableFileError(
            "is UTF-16 text. Write `encoding: utf-16` at the contract's server, or send it as UTF-8"
        )
    return _text_format(file, path, head, gzipped)


def _text_format(file: DataFile, path: Path, head: bytes, gzipped: bool) -> FileFormat:
    declared = file.options.format
    chosen = declared or _by_name(file.name)
    if chosen is None:
        raise UnreadableFileError(
            f"has a name that does not tell its format. {ADVICE}, or set `format` at the contract's server"
        )
    if chosen in _CALLED:
        raise UnreadableFileError(f"does not begin as {_CALLED[chosen]} file does. {ADVICE}")
    if chosen == "csv" and not head:
        raise UnreadableFileError("is empty. A day without rows is a file with only its header")
    with _damage_as_error():
        if chosen == "json" and declared is None and json_text.is_document(path, gzipped):
            return "json_array"
    return chosen


def _by_name(name: str) -> FileFormat | None:
    plain = name.lower()
    while plain.endswith(PACKED_SUFFIXES):
        plain = plain.rpartition(".")[0]
    return _SUFFIXES.get(Path(plain).suffix)


@contextmanager
def _damage_as_error() -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableFileError(f"is a damaged gzip file ({error})") from error
