"""A consumer of exports: follows a pointer and believes nothing that it cannot check.

It knows what the documentation says and nothing of how exports are made; only the content hash is the lake's own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from duckdb import DuckDBPyConnection

from tidegate.lake.content import Content, content_of
from tidegate.lake.sql import literal, quoted

# What stands under a name below the exports, or None.
Read = Callable[[str], bytes | None]


@dataclass(frozen=True)
class Seen:
    """An export that was read whole and found to be what its pointer says."""

    rows: int
    content_hash: str
    publication_id: str
    published_at: str
    run_id: str
    version: str


def follow(con: DuckDBPyConnection, read: Read, partition: str, scratch: Path) -> Seen | None:
    """Read `<mart>/<date>` by its pointer, in every format, and check all that the pointer promises.

    None while there is no pointer. Fails when any promise is broken.
    """
    content = read(f"{partition}/latest.json")
    if content is None:
        return None
    pointer = json.loads(content)
    assert f"{pointer['mart']}/{pointer['partition']}" == partition
    assert [file["format"] for file in pointer["files"]] == ["parquet", "csv"]
    for file in pointer["files"]:
        _check_file(con, read, partition, pointer, file, scratch)
    return Seen(**{name: pointer[name] for name in Seen.__dataclass_fields__})


def _check_file(
    con: DuckDBPyConnection, read: Read, partition: str, pointer: dict[str, Any], file: dict[str, Any], scratch: Path
) -> None:
    content = read(f"{partition}/{file['path']}")
    assert content is not None, f"{partition} names {file['path']}, which is not there"
    assert len(content) == file["bytes"]
    assert hashlib.sha256(content).hexdigest() == file["sha256"]
    copy = scratch / f"copy.{file['format']}"
    copy.write_bytes(content)
    columns = {column["name"]: column["type"] for column in pointer["columns"]}
    rows = _parquet(copy) if file["format"] == "parquet" else _csv(copy, columns)
    described = {name: sql_type for name, sql_type, *_ in con.execute(f"describe {rows}").fetchall()}
    assert described == columns
    assert content_of(con, rows) == Content(pointer["rows"], pointer["content_hash"]), f"{partition}: {file}"


def _parquet(file: Path) -> str:
    return f"select * from read_parquet({literal(str(file))})"


def _csv(file: Path, columns: dict[str, str]) -> str:
    types = ", ".join(f"{literal(name)}: {literal(sql_type)}" for name, sql_type in columns.items())
    names = ", ".join(map(quoted, columns))
    # Null is nothing at all, an empty text is "".
    options = f"header = true, auto_detect = false, allow_quoted_nulls = false, columns = {{{types}}}"
    return f"select {names} from read_csv({literal(str(file))}, {options})"


def in_folder(root: Path) -> Read:
    """Exports in a folder."""

    def read(name: str) -> bytes | None:
        try:
            return (root / name).read_bytes()
        except FileNotFoundError:
            return None

    return read


def new_connection() -> DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1})
