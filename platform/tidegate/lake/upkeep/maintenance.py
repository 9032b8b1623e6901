"""Upkeep of the lake: fewer, larger files, and no snapshots or files older than anyone needs.

It changes how content is stored and never the content. When to run it is the caller's; it may run beside
readers and writers, a step at a time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from duckdb import DuckDBPyConnection

from tidegate.errors import TidegateError
from tidegate.lake.connect import Lake
from tidegate.lake.data_files import delete, path_of
from tidegate.lake.identity import METADATA, named_files
from tidegate.lake.lease import forget_unused
from tidegate.lake.sql import CATALOG, literal
from tidegate.lake.upkeep.catalog_copies import keep_copy
from tidegate.lake.upkeep.catalog_rows import delete_dead_rows, move_rows_to_files
from tidegate.lake.upkeep.leftovers import leftovers, refuse_out_of_proportion
from tidegate.lake.upkeep.small_partitions import unpartition_small_days

# A query may still read a file that is needed no more, and a writer still be about to commit one that is not
# known yet or on a snapshot that others have built on: DuckLake asks to keep all these longer than any query
# or load runs.
LONGEST_TRANSACTION = dt.timedelta(days=2)

# DuckLake 1.0 compares the moments of a SQLite catalog as text, so that a file that went out of use later on the same
# day counts as older.
TO_THE_DAY = dt.timedelta(days=1)

# Files between two of these sizes are merged with each other, so that small ones, which come every week, do not have a
# large one written again with them.
SIZES = (0, 2**20, 2**24, 2**28)

# Files that one unit of work merges into: on a SQLite catalog, other writers wait for it.
FILES_PER_UNIT = 32

# A file of which this share is deleted is written again.
REWRITE_THRESHOLD = 0.5


@dataclass(frozen=True)
class Upkeep:
    """What a maintenance did."""

    files_merged: int
    snapshots_expired: int
    files_deleted: int


def maintain_until(
    lake: Lake, snapshots_before: dt.datetime, files_before: dt.datetime, *, delete_leftovers: bool = False
) -> Upkeep:
    """Merge small files, expire the snapshots made before `snapshots_before`, and delete the files that went out of use
    before `files_before` or later on its day.

    Raises TidegateError, with nothing deleted, where the catalog is damaged, and unless `delete_leftovers` where more
    files than killed writers leave are named nowhere.
    """
    config = lake.config
    left = leftovers(lake.con, config.data, files_before)
    if not delete_leftovers:
        refuse_out_of_proportion(lake.con, config.data, config.catalog, left)
    if config.catalog_file:
        with lake.turn():
            keep_copy(config.catalog_file, dt.datetime.now(dt.UTC))
    expired = _expire_snapshots(lake, snapshots_before)
    delete_dead_rows(lake)
    move_rows_to_files(lake)
    unpartition_small_days(lake)
    files_merged = sum(_merge_table(lake, schema, table, files) for schema, table, files in _tables(lake.con))
    unused = _delete_unused(lake, files_before)
    delete(config.data, left)
    forget_unused(config, files_before)
    return Upkeep(files_merged, expired, unused + len(left))


def _delete_unused(lake: Lake, before: dt.datetime) -> int:
    """Delete the files that the catalog named and needs no more; returns how many."""
    older_than = f"older_than => {_moment(before)}"
    named = {path_of(lake.config.data, name) for name in named_files(lake.con)}
    needed = named.intersection(
        file for (file,) in _call(lake, "ducklake_cleanup_old_files", f"{older_than}, dry_run => true")
    )
    if needed:
        raise TidegateError(
            f"The catalog {lake.config.catalog} lists {len(needed)} files for deletion that it still needs, like "
            f"{min(needed)}. No file was deleted. It was changed by another program: put back a copy of it."
        )
    return len(_call(lake, "ducklake_cleanup_old_files", older_than))


def _expire_snapshots(lake: Lake, before: dt.datetime) -> int:
    """Drop the snapshots made before a moment, except for the newest; returns how many."""
    # Named one by one: told a moment, DuckLake takes those later on its day as well (see TO_THE_DAY).
    rows = lake.con.execute(
        f"select snapshot_id from lake.snapshots() where snapshot_time < {_moment(before)} "
        "and snapshot_id < (select max(snapshot_id) from lake.snapshots()) order by snapshot_id"
    ).fetchall()
    old = [snapshot for (snapshot,) in rows]
    return len(_call(lake, "ducklake_expire_snapshots", f"versions => {literal(old)}")) if old else 0


def _merge_table(lake: Lake, schema: str, table: str, files: int) -> int:
    of_table = f"{literal(table)}, schema => {literal(schema)}"
    arguments = f"{of_table}, delete_threshold => {REWRITE_THRESHOLD}"
    rewritten = _call(lake, "ducklake_rewrite_data_files", arguments, [(schema, table)])
    if files == 1:
        return sum(written for _, _, written, _ in rewritten)
    batch = f"{of_table}, max_compacted_files => {FILES_PER_UNIT}"
    merged = [
        row
        for smallest, largest in pairwise(SIZES)
        for row in _until_nothing(
            lake,
            "ducklake_merge_adjacent_files",
            f"{batch}, min_file_size => {smallest}, max_file_size => {largest}",
            [(schema, table)],
        )
    ]
    return sum(files for _, _, files, _ in [*rewritten, *merged])


def _until_nothing(
    lake: Lake, function: str, arguments: str, tables: Sequence[tuple[str, str]]
) -> Iterator[tuple[Any, ...]]:
    while rows := _call(lake, function, arguments, tables):
        yield from rows


def _call(
    lake: Lake, function: str, arguments: str = "", tables: Sequence[tuple[str, str]] = ()
) -> list[tuple[Any, ...]]:
    listed = ", ".join(filter(None, (literal(CATALOG), arguments)))
    return lake.unit_of_work(lambda con: con.execute(f"call {function}({listed})").fetchall(), tables)


def _tables(con: DuckDBPyConnection) -> list[tuple[str, str, int]]:
    """The tables that have files, and how many. Most have none: their few rows are in the catalog."""
    return con.execute(
        f"""
        select s.schema_name, t.table_name, count(*)
        from {METADATA}.ducklake_data_file as f
        join {METADATA}.ducklake_table as t on t.table_id = f.table_id and t.end_snapshot is null
        join {METADATA}.ducklake_schema as s on s.schema_id = t.schema_id and s.end_snapshot is null
        group by all order by all
        """
    ).fetchall()


def _moment(moment: dt.datetime) -> str:
    return f"{literal(moment)} at time zone 'UTC'"
