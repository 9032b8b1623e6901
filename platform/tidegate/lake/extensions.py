"""DuckDB's extensions: loaded from the installed wheels, never from a network, and only when they are signed.

DuckDB checks a signature by hashing the whole file, 0.13 s of CPU each: most of what opening the lake takes, and
sensors open it often. A process keeps the library that it loaded first, whatever becomes of the file. So it is checked
then, and not again. Between processes, a record in the home says which files were checked and how they were then; one
that was touched since in any way is checked again. Only who may write the lake keeps the record.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Self

import duckdb
from duckdb import DuckDBPyConnection

from tidegate.errors import NotInstalledError
from tidegate.machine.disk import write_whole

ConnectionConfig = dict[str, str | bool | int | float | list[str]]

# Nothing is fetched from a network: extensions come from the installed wheels or not at all.
NO_DOWNLOADS: ConnectionConfig = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}

# What for, and with which extra of the package, comes what not every home needs.
COMES_WITH = {
    "httpfs": ("Data in S3", "s3"),
    "aws": ("Data in S3, with the credentials of a profile or a role,", "s3"),
    "delta": ("A table in Delta", "tables"),
    "iceberg": ("A table in Iceberg", "tables"),
    "avro": ("A table in Iceberg", "tables"),
    "postgres_scanner": ("PostgreSQL, as catalog or source,", "postgres"),
}

# What was checked, by name, and how it is loaded: by that name, or by the path of the file that the record names.
_checked: dict[str, str] = {}


@dataclass(frozen=True)
class CheckedFile:
    """An extension's file as it was when it was checked: device, inode, size, and when it was written and changed last.
    Nobody but root can change a file and set the last of these back."""

    path: str
    state: tuple[int, ...]

    @classmethod
    def now(cls, path: str) -> Self:
        found = os.stat(path)  # noqa: PTH116 - a Path would only be made for it
        return cls(path, (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns))

    def is_unchanged(self) -> bool:
        try:
            return CheckedFile.now(self.path) == self
        except OSError:
            return False


def take_checked(record: Path) -> None:
    """Take as checked, in this process, what the record names and nobody touched since."""
    for name, file in _recorded(record).items():
        if name not in _checked and file.is_unchanged():
            _checked[name] = file.path


def keep_checked(con: DuckDBPyConnection, extensions: Iterable[str], record: Path) -> None:
    """Have the record name these, which `con` has loaded. Where it does not yet, they are checked again: what was
    loaded may have been another file."""
    wanted, recorded = set(extensions), _recorded(record)
    if wanted <= {name for name, file in recorded.items() if file.is_unchanged()}:
        return
    installed = con.execute("select extension_name, install_path from duckdb_extensions() where installed").fetchall()
    # Beside them lie the unfinished ones of processes that install them just now.
    whole = {name: path for name, path in installed if Path(path).name == f"{name}.duckdb_extension"}
    files = {name: CheckedFile.now(path) for name, path in whole.items() if name in wanted}
    with duckdb.connect(config=NO_DOWNLOADS) as checking:
        for file in files.values():
            checking.load_extension(file.path)
    checked = {name: astuple(file) for name, file in {**recorded, **files}.items() if file.is_unchanged()}
    write_whole(record, json.dumps(checked))


def _recorded(record: Path) -> dict[str, CheckedFile]:
    try:
        return {
            name: CheckedFile(path, tuple(state)) for name, (path, state) in json.loads(record.read_bytes()).items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        # None yet, or one that is damaged: all is checked.
        return {}


# DuckDB takes a process that began without a file, as `python -c` does, for a person at a prompt, and draws a bar into
# its output when a statement takes two seconds. A setting of the session, which a copy does not inherit.
WITHOUT_BAR = "set enable_progress_bar = false"


def connect_with(
    extensions: Iterable[str], config: Mapping[str, str | int] = MappingProxyType({})
) -> DuckDBPyConnection:
    """A DuckDB of its own in memory, with these extensions loaded."""
    con = duckdb.connect(config=config_for(extensions) | dict(config))
    try:
        con.execute(WITHOUT_BAR)
        load_extensions(con, extensions)
    except BaseException:
        con.close()
        raise
    return con


def config_for(extensions: Iterable[str]) -> ConnectionConfig:
    """What a connection must be made with that `load_extensions` will load these into."""
    return NO_DOWNLOADS | {"allow_unsigned_extensions": _checked.keys() >= set(extensions)}


def load_extensions(con: DuckDBPyConnection, extensions: Iterable[str]) -> None:
    """Load them, installed first where this version of DuckDB lacks them. After this none can be loaded unsigned."""
    for name in extensions:
        if name in _checked:
            con.load_extension(_checked[name])
        else:
            _load(con, name)
            _checked[name] = name
    # DuckDB refuses to set it back while the connection lives.
    con.execute("set global allow_unsigned_extensions = false")


def _load(con: DuckDBPyConnection, name: str) -> None:
    try:
        con.load_extension(name)
    except duckdb.IOException:
        from duckdb_extensions import import_extension

        try:
            import_extension(name, con=con)
        except ModuleNotFoundError as error:
            if name not in COMES_WITH:
                raise
            needs, extra = COMES_WITH[name]
            raise NotInstalledError(needs, str(error.name), extra) from error
        con.load_extension(name)
