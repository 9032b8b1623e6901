"""DuckDB's own prompt, with the lake attached to be read.

What a single question needs is `query`'s; here the whole of DuckDB is at hand, with the rights of whoever types.
"""

from __future__ import annotations

import datetime as dt
import os
from importlib.resources import files
from typing import NoReturn

from tidegate.errors import NotInstalledError
from tidegate.lake.config import LakeConfig, attach_statements, session_statements
from tidegate.lake.connect import Lake
from tidegate.lake.extensions import NO_DOWNLOADS
from tidegate.lake.reading.tables import SERVING
from tidegate.lake.reading.travel import snapshot_at
from tidegate.lake.sql import CATALOG, literal, qualified


def program() -> str:
    """DuckDB's prompt, which is whole in its wheel. Raises NotInstalledError without."""
    try:
        return str(files("duckdb_cli") / "duckdb")
    except ModuleNotFoundError as error:
        raise NotInstalledError("The prompt", "duckdb-cli", "shell") from error


def become_shell(config: LakeConfig, as_of: dt.datetime | None = None) -> NoReturn:
    """Turn this process into DuckDB's prompt, on the lake as it is, or as it was at `as_of`.

    Nothing of Tidegate stays behind it: signals and the exit code are DuckDB's own. Credentials reach it as they
    reached this process, by the environment. Raises TidegateError when there is no such lake to read.
    """
    program()
    snapshot = snapshot_at(config, as_of) if as_of else None
    # What would go wrong is told in a sentence, and extensions are installed, while this is still Python.
    Lake.open(config, read_only=True, snapshot=snapshot).close()
    os.execv(program(), shell_command(config, snapshot))  # noqa: S606 - no shell of the system's is wanted


def shell_command(config: LakeConfig, snapshot: int | None = None) -> list[str]:
    """The prompt's command line. It holds no secret, and says nothing of what it does first."""
    return [program(), "-cmd", ".output /dev/null", "-cmd", _first_statements(config, snapshot), "-cmd", ".output"]


def _first_statements(config: LakeConfig, snapshot: int | None) -> str:
    statements = [
        *(f"set {name} = {literal(str(value))}" for name, value in NO_DOWNLOADS.items()),
        *(f"load {name}" for name in config.extensions),
        *session_statements(config),
        *attach_statements(config, read_only=True, snapshot=snapshot),
        # So that `show tables` shows what is published.
        f"use {qualified(CATALOG, SERVING)}",
    ]
    return "".join(f"{statement};\n" for statement in statements)
