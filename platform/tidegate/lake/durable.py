"""Bringing a transaction's new files to the disk before the catalog names them, so that a power cut loses neither.

DuckDB syncs the catalog and not the Parquet files; a day of the demo shop pays 0.1 s for these. Objects in S3 stay once
they are written.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tidegate.lake.data_files import is_remote
from tidegate.machine.disk import sync

# A disk syncs many files in hardly more time than one.
SYNCS_AT_ONCE = 8

# Some file systems keep times to the second only.
CLOCK_SECONDS = 1.0


def sync_new_files(data: str, tables: Iterable[tuple[str, str]], since: float) -> None:
    """Sync what was written into the folders of these tables and of `ops`, which any transaction may write to, since a
    moment of the system clock, and the folders."""
    if is_remote(data):
        return
    written = [Path(data, *table) for table in tables] + list(Path(data, "ops").glob("*"))
    new = [path for table in written for path in _new_in(table, since - CLOCK_SECONDS)]
    if new:
        folders = {folder for path in new for folder in (path.parent, *path.relative_to(data).parents)}
        with ThreadPoolExecutor(SYNCS_AT_ONCE) as threads:
            list(threads.map(sync, new))
            list(threads.map(sync, {Path(data, folder) for folder in folders}))


def _new_in(table: Path, since: float) -> Iterator[Path]:
    """The files of a table that changed since then. A folder changes when a file is put into it."""
    if not table.is_dir():
        return
    with os.scandir(table) as entries:
        partitions = [Path(entry.path) for entry in entries if entry.is_dir() and entry.stat().st_mtime >= since]
    for folder in (table, *partitions):
        with os.scandir(folder) as entries:
            yield from (Path(entry.path) for entry in entries if entry.is_file() and entry.stat().st_mtime >= since)
