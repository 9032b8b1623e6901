"""DuckDB as the reader of files that may be the end of it: what its failures mean, and one to try a file with."""

from __future__ import annotations

import duckdb
from duckdb import DuckDBPyConnection

from tidegate.machine.disk import OUT_OF_SPILL

# After one of these DuckDB answers nothing more: its connection, and all others of the same database, are lost.
ENGINE_FAULTS = (duckdb.InternalException, duckdb.FatalException)

# What DuckDB says when the disk that it spills to, and no file, is at fault.
_FULL_DISK = ("no space left", "disk quota", "file too large", "read-only file system", OUT_OF_SPILL)

# A file that looks into nothing and writes nothing needs no more.
_PROBE: dict[str, str | bool | int | float | list[str]] = {"threads": "1", "memory_limit": "1GB"}


def probe() -> DuckDBPyConnection:
    """A DuckDB of its own, to look at a file that may be the end of it."""
    return duckdb.connect(config=_PROBE)


def blames_the_file(error: duckdb.Error) -> bool:
    """Whether a failure of DuckDB's over a file is the file's, and not the disk's or its own."""
    text = str(error).lower()
    return not isinstance(error, (*ENGINE_FAULTS, duckdb.InterruptException)) and not any(
        sign in text for sign in _FULL_DISK
    )


def first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
