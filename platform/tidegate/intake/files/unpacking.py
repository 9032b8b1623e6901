"""Files that are packed: their bytes unpacked into the scratch folder, up to what the contract takes for honest.

gzip is left alone where DuckDB reads it as it is. A ZIP archive may hold several files, each of which is one of the
delivery's; what an operating system leaves in it for itself is not.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

from backports import zstd

from tidegate.errors import TidegateError

ZIP = b"PK\x03\x04"
# A ZIP archive with nothing in it.
EMPTY_ZIP = b"PK\x05\x06"
_BLOCK = 1 << 20
# More files in an archive take longer to look at than to read.
MAX_MEMBERS = 1_000

# An xz file may ask for more, to unpack what is small.
_XZ_MEMORY = 256 << 20


class _Xz:
    """The unpacked bytes of an xz file, several streams in a row included, in bounded memory."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._new()

    def _new(self) -> None:
        self._unpacking = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)

    def read(self, size: int) -> bytes:
        packed = b""
        while True:
            if self._unpacking.eof:
                packed = self._unpacking.unused_data.lstrip(b"\0")
                while not packed and (more := self._stream.read(_BLOCK)):
                    packed = more.lstrip(b"\0")
                if not packed:
                    return b""
                self._new()
            elif self._unpacking.needs_input:
                packed = self._stream.read(_BLOCK)
                if not packed:
                    raise EOFError("it ends before its end was marked")
            if text := self._unpacking.decompress(packed, size):
                return text
            packed = b""

    def __enter__(self) -> _Xz:
        return self

    def __exit__(self, *_: object) -> None:
        """Whoever opened the stream closes it."""


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


_OPENERS: dict[bytes, tuple[str, Callable[[Any], AbstractContextManager[_Readable]]]] = {
    b"\x1f\x8b": ("gzip", gzip.open),
    b"\x28\xb5\x2f\xfd": ("zstd", zstd.open),
    b"BZh": ("bzip2", bz2.open),
    b"\xfd7zXZ": ("xz", _Xz),
}
# By the suffix that a name has beside that of its format.
PACKED_SUFFIXES = (".gz", ".gzip", ".zst", ".zstd", ".bz2", ".xz", ".zip")
_DAMAGE = (EOFError, OSError, zlib.error, lzma.LZMAError, zstd.ZstdError, ValueError)
_DAMAGED_ZIP = (*_DAMAGE, zipfile.BadZipFile, NotImplementedError, RuntimeError, LookupError)


class PackedError(TidegateError):
    """A file that cannot be unpacked. The message reads on from its name."""


class TooLargeError(TidegateError):
    """A file that unpacks to more than was allowed."""


def packing_of(head: bytes) -> str | None:
    """What a file that begins with `head` is packed with, if it is one file that is packed."""
    return next((name for magic, (name, _) in _OPENERS.items() if head.startswith(magic)), None)


def unpack(source: Path, target: Path, most: int) -> None:
    """Write what is in a packed file to `target`. Raises PackedError, and TooLargeError above `most` bytes."""
    with source.open("rb") as stream:
        head = stream.read(8)
        stream.seek(0)
        name, opened = next(found for magic, found in _OPENERS.items() if head.startswith(magic))
        with _damage_as_error(f"is a damaged {name} file", _DAMAGE), opened(stream) as packed, target.open("wb") as out:
            _copy(packed, out, most)


def member_names(source: Path) -> list[str]:
    """The names of all that is in a ZIP archive. Raises PackedError."""
    with _damage_as_error("is a damaged ZIP archive", _DAMAGED_ZIP), zipfile.ZipFile(source) as packed:
        return packed.namelist()


def members(source: Path) -> list[zipfile.ZipInfo]:
    """The files in a ZIP archive, in the order of their names. Raises PackedError."""
    with _damage_as_error("is a damaged ZIP archive", _DAMAGED_ZIP), zipfile.ZipFile(source) as packed:
        found = [member for member in packed.infolist() if not member.is_dir() and not _is_left_behind(member.filename)]
    if len(found) > MAX_MEMBERS:
        raise PackedError(f"is a ZIP archive of {len(found):,} files, above the {MAX_MEMBERS:,} that are read")
    if any(member.flag_bits & 1 for member in found):
        raise PackedError("is a ZIP archive with a password. Send it without one")
    if len({member.filename for member in found}) < len(found):
        raise PackedError("is a ZIP archive that holds two files of one name")
    return sorted(found, key=lambda member: member.filename)


def unpack_member(source: Path, member: zipfile.ZipInfo, target: Path, most: int) -> int:
    """Write a file of a ZIP archive to `target`; returns its size. Raises PackedError, and TooLargeError."""
    with (
        _damage_as_error("is a damaged ZIP archive", _DAMAGED_ZIP),
        zipfile.ZipFile(source) as archive,
        archive.open(member) as packed,
        target.open("wb") as out,
    ):
        return _copy(packed, out, most)


def _copy(packed: _Readable, out: IO[bytes], most: int) -> int:
    size = 0
    while block := packed.read(_BLOCK):
        size += len(block)
        if size > most:
            raise TooLargeError(f"it unpacks to more than {most:,} bytes")
        out.write(block)
    return size


def _is_left_behind(name: str) -> bool:
    parts = name.split("/")
    return "__MACOSX" in parts or parts[-1].startswith(".") or parts[-1] == "Thumbs.db"


@contextmanager
def _damage_as_error(what: str, kinds: tuple[type[Exception], ...]) -> Iterator[None]:
    try:
        yield
    except kinds as error:
        # A full disk is not the file's fault. To read before the beginning is.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        raise PackedError(f"{what} ({error})") from error
