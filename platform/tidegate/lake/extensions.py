"""DuckDB's extensions: loaded from the installed wheels, never from a network, and only when they are signed.

DuckDB checks a signature by hashing the whole file, 0.13 s of CPU each: most of what opening the lake takes, and
sensors open it often. A process keeps the library that it loaded first, whatever becomes of the file. So it is checked
then, and not again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import duckdb
from duckdb import DuckDBPyConnection
from duckdb_extensions import import_extension

ConnectionConfig = dict[str, str | bool | int | float | list[str]]

# Nothing is fetched from a network: extensions come from the installed wheels or not at all.
NO_DOWNLOADS: ConnectionConfig = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}

_checked: set[str] = set()


def connect_with(
    extensions: Iterable[str], config: Mapping[str, str | int] = MappingProxyType({})
) -> DuckDBPyConnection:
    """A DuckDB of its own in memory, with these extensions loaded."""
    con = duckdb.connect(config=config_for(extensions) | dict(config))
    try:
        load_extensions(con, extensions)
    except BaseException:
        con.close()
        raise
    return con


def config_for(extensions: Iterable[str]) -> ConnectionConfig:
    """What a connection must be made with that `load_extensions` will load these into."""
    return NO_DOWNLOADS | {"allow_unsigned_extensions": _checked.issuperset(extensions)}


def load_extensions(con: DuckDBPyConnection, extensions: Iterable[str]) -> None:
    """Load them, installed first where this version of DuckDB lacks them. After this none can be loaded unsigned."""
    for name in extensions:
        _load(con, name)
        _checked.add(name)
    # DuckDB refuses to set it back while the connection lives.
    con.execute("set global allow_unsigned_extensions = false")


def _load(con: DuckDBPyConnection, name: str) -> None:
    try:
        con.load_extension(name)
    except duckdb.IOException:
        import_extension(name, con=con)
        con.load_extension(name)
