"""The files of a lake's data folder as a folder or S3 has them. Names are relative to the data folder.

S3 is reached by the connection, whose credentials the lake has already; only deleting takes a client.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
from duckdb import DuckDBPyConnection

from tidegate.errors import TidegateError
from tidegate.lake.sql import literal
from tidegate.machine.disk import sync, write_whole

if TYPE_CHECKING:
    from tidegate.storage.s3 import S3Storage

# Copied within S3 at once; its client keeps ten connections.
COPIED_AT_ONCE = 8

# Where a file of the catalog is, in SQL over its entry `f`, its table `t` and its schema `s`: within the data folder,
# or anywhere, when somebody registered it.
PATH_OF_FILE = "if(f.path_is_relative, s.path || t.path || f.path, f.path)"


def is_remote(data: str) -> bool:
    return data.startswith("s3://")


def path_of(data: str, name: str) -> str:
    return f"{data.rstrip('/')}/{name}"


def names_in(con: DuckDBPyConnection, data: str) -> Iterator[str]:
    """Every file below the data folder."""
    if is_remote(data):
        rows = con.execute(f"select file from glob({literal(path_of(data, '**'))})").fetchall()
        yield from (str(file).removeprefix(path_of(data, "")) for (file,) in rows)
    else:
        yield from (path.relative_to(data).as_posix() for path in Path(data).rglob("*") if path.is_file())


def exists(con: DuckDBPyConnection, data: str, name: str) -> bool:
    """Raises PermissionError where S3 refuses to say, as it does of what is missing to who may not list, and
    TidegateError where it cannot be asked."""
    if not is_remote(data):
        return Path(data, name).is_file()
    try:
        con.execute(f"select size from read_blob({literal(path_of(data, name))})").fetchall()
    except duckdb.HTTPException as error:
        if error.status_code == 404:
            return False
        if error.status_code == 403:
            raise PermissionError(_said(error)) from error
        raise cannot_be_read(data, _said(error)) from error
    except duckdb.IOException as error:
        raise cannot_be_read(data, _said(error)) from error
    return True


def cannot_be_read(data: str, why: str) -> TidegateError:
    return TidegateError(
        f"The data folder {data} of the lake cannot be read: {why} Nothing was changed. See that S3 can be reached, "
        "that its keys are valid and may read there, and that the clock of this machine is right."
    )


def _said(error: duckdb.Error) -> str:
    """What S3 answered, without DuckDB's advice."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(f"{line.rstrip('.')}." for line in lines[:2])


def read(con: DuckDBPyConnection, data: str, name: str) -> str | None:
    """The text of a small file; None where there is none to be seen."""
    if not is_remote(data):
        try:
            return Path(data, name).read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, NotADirectoryError):
            return None
    try:
        row = con.execute(f"select content from read_text({literal(path_of(data, name))})").fetchone()
    except (duckdb.HTTPException, duckdb.IOException):
        return None
    return str(row[0]) if row else None


def write(con: DuckDBPyConnection, data: str, name: str, line: str) -> None:
    """Make a file of one line. A reader sees all of it or none."""
    if is_remote(data):
        con.execute(f"copy (select {literal(line)}) to {literal(path_of(data, name))} (format csv, header false)")
        return
    folder = Path(data)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / name, f"{line}\n")


def delete(data: str, names: Collection[str]) -> None:
    """Remove files. Those that are gone already are no trouble."""
    if not is_remote(data):
        for name in names:
            Path(data, name).unlink(missing_ok=True)
    elif names:
        _in_s3(data).delete(names)


def move(data: str, places: Mapping[str, str]) -> None:
    """Have files at new names, where they would survive a power cut. In S3, which cannot rename, they are copied by the
    server, and the old ones stay, for the caller to delete."""
    if is_remote(data):
        if places:
            _copy_in_s3(data, places)
        return
    for old, new in places.items():
        path = Path(data, new)
        path.parent.mkdir(parents=True, exist_ok=True)
        sync(Path(data, old))
        Path(data, old).rename(path)
    for folder in {Path(data, folder) for new in places.values() for folder in Path(new).parents}:
        sync(folder)


def _copy_in_s3(data: str, places: Mapping[str, str]) -> None:
    storage = _in_s3(data)

    def copy(old: str) -> None:
        file = storage.find(old)
        if file is None or not storage.copy_from(storage, file, places[old]):
            raise TidegateError(
                f"{storage.address(old)} could not be copied to {storage.address(places[old])}: it is gone, or the "
                "server does not copy it whole. Nothing was changed. Run it again."
            )

    with ThreadPoolExecutor(COPIED_AT_ONCE) as pool:
        list(pool.map(copy, places))


def _in_s3(data: str) -> S3Storage:
    # Importing the client takes two seconds.
    from tidegate.storage.s3 import S3Storage
    from tidegate.storage.s3_client import new_s3_client

    return S3Storage.at(data, new_s3_client(), "TIDEGATE_LAKE_DATA", TidegateError)
