"""The one file of a backup: what it holds, the catalog's copy, and the files of Dagster's record, packed."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from pathlib import Path

from tidegate.backup.contents import Contents
from tidegate.errors import TidegateError

CONTENTS, CATALOG, RECORD = "backup.json", "catalog.sqlite", "dagster"

# SQLite's files become a fifth at level 1, at 60 MB a second; more effort gains little.
LEVEL = 1


def pack(contents: Contents, folder: Path, target: Path) -> None:
    """Pack `folder`, which holds the catalog and may hold the record, with its contents first."""
    with tarfile.open(target, "x:gz", compresslevel=LEVEL) as packed:
        text = contents.as_json()
        entry = tarfile.TarInfo(CONTENTS)
        entry.size = len(text)
        packed.addfile(entry, io.BytesIO(text))
        for name in (CATALOG, RECORD):
            if (folder / name).exists():
                packed.add(folder / name, name)


def contents_of(packed: Path) -> Contents:
    """What a backup says of itself. Raises TidegateError for what is not one."""
    try:
        with tarfile.open(packed, "r:gz") as archive:
            first = archive.next()
            stream = archive.extractfile(first) if first and first.name == CONTENTS else None
            if stream is None:
                raise _not_sound(packed, f"it does not begin with {CONTENTS}")
            return Contents.of_json(stream.read(), packed.name)
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise _not_sound(packed, str(error)) from error


def unpack(packed: Path, folder: Path) -> None:
    """Unpack the catalog and the record. Raises TidegateError, with what was unpacked left, where it is not whole."""
    try:
        with tarfile.open(packed, "r:gz") as archive:
            archive.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise _not_sound(packed, str(error)) from error


def refuse_unsound(packed: Path) -> None:
    """Raise TidegateError where the file is not, to its last byte, as it was written."""
    try:
        with gzip.open(packed) as stream:
            while stream.read(1 << 20):
                pass
    except (OSError, EOFError, zlib.error) as error:
        raise _not_sound(packed, str(error)) from error


def _not_sound(packed: Path, why: str) -> TidegateError:
    return TidegateError(
        f"The backup {packed.name} is not whole: {why}. Nothing was changed. Choose another one; `tidegate backups` "
        "lists them."
    )
