"""Files of the lake that no catalog entry names: what killed writers left before their commit.

What may be deleted is proved file by file: it lies in a folder of one of this lake's tables, has a name that DuckLake
gives, is old by that name, and the catalog does not name it; or it lies in a folder that was made for an exchange with
another engine, and that is old by its name. Whose the data folder is, is `identity`'s to prove.
"""

from __future__ import annotations

import datetime as dt
import re

from duckdb import DuckDBPyConnection

from tidegate.errors import TidegateError
from tidegate.lake.data_files import names_in
from tidegate.lake.exchange import EXCHANGE
from tidegate.lake.identity import METADATA, named_files

# DuckLake names files by a UUID of version 7, which begins with the milliseconds of when it was made; partitions are
# folders `column=value`.
LEFTOVER = re.compile(
    r"(?P<table>[^/]+/[^/]+/)(?:[^/=]+=[^/]*/)*"
    r"ducklake-(?P<time>[0-9a-f]{8}-[0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}(?:-delete)?\.parquet"
)

# What was handed over to another engine, or by it. It names its files as it likes, and the folder says when it was.
EXCHANGED = re.compile(
    rf"{EXCHANGE}/(?P<time>[0-9a-f]{{8}}-[0-9a-f]{{4}})-7[0-9a-f]{{3}}-[89ab][0-9a-f]{{3}}-[0-9a-f]{{12}}/.+", re.DOTALL
)

# A killed writer leaves at most a file for each table and day of its run. More than these, and more than a tenth of
# what the catalog names, and the catalog is rather an old copy, which does not know what was written since.
FEW_LEFTOVERS = 100
LEFTOVERS_PER_NAMED_FILE = 0.1


def leftovers(con: DuckDBPyConnection, data: str, before: dt.datetime) -> list[str]:
    """The files that killed writers left before a moment. Names are relative to the data folder."""
    # Listed before the catalog is read: what is committed in between is named there.
    old = [name for name in names_in(con, data) if _made_at(name) < before]
    tables, named = _table_folders(con), {*named_files(con), *_files_to_be_deleted(con)}
    return [name for name in old if name not in named and (EXCHANGED.fullmatch(name) or _table_of(name) in tables)]


def refuse_out_of_proportion(con: DuckDBPyConnection, data: str, catalog: str, found: list[str]) -> None:
    """Raise TidegateError for more leftovers than killed writers leave."""
    named = len(named_files(con))
    if len(found) > max(FEW_LEFTOVERS, named * LEFTOVERS_PER_NAMED_FILE):
        raise TidegateError(
            f"{len(found)} files in {data} are named nowhere in the catalog {catalog}, which names {named} files. Runs "
            "that were killed leave fewer, so it may be an old copy of the catalog. Nothing was deleted. See that it "
            "is the right one. If an old copy was put back on purpose, run the days since then again. Then delete "
            "these files with: tidegate maintain --delete-leftovers"
        )


def _made_at(name: str) -> dt.datetime:
    """When a file was made, by its name; never, for what neither DuckLake nor an exchange named."""
    found = LEFTOVER.fullmatch(name) or EXCHANGED.fullmatch(name)
    if found is None:
        return dt.datetime.max.replace(tzinfo=dt.UTC)
    return dt.datetime.fromtimestamp(int(found["time"].replace("-", ""), 16) / 1000, dt.UTC)


def _table_of(name: str) -> str:
    found = LEFTOVER.fullmatch(name)
    return found["table"] if found else ""


def _table_folders(con: DuckDBPyConnection) -> set[str]:
    rows = con.execute(
        f"select s.path || t.path from {METADATA}.ducklake_table as t "
        f"join {METADATA}.ducklake_schema as s using (schema_id)"
    ).fetchall()
    return {folder for (folder,) in rows}


def _files_to_be_deleted(con: DuckDBPyConnection) -> list[str]:
    """Those that DuckLake knows to be out of use, and deletes in its own time."""
    rows = con.execute(f"select path from {METADATA}.ducklake_files_scheduled_for_deletion").fetchall()
    return [path for (path,) in rows]
