"""The version of DuckLake that a catalog is of, and the one that this DuckLake makes.

A catalog of an older version is not opened: bringing it up to date is `tidegate upgrade`'s, with a backup before.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from tidegate.errors import TidegateError
from tidegate.lake.config import LakeConfig, attach_statement, s3_statements
from tidegate.lake.extensions import connect_with
from tidegate.lake.sql import literal

VERSION = "select value from ducklake_metadata where key = 'version'"


def version_in(catalog: Path) -> str:
    """The version of a catalog that is in a SQLite file. Raises TidegateError for what is none."""
    try:
        with closing(sqlite3.connect(f"{catalog.absolute().as_uri()}?mode=rw", uri=True)) as con:
            return str(con.execute(VERSION).fetchone()[0])
    except (sqlite3.DatabaseError, TypeError) as error:
        raise TidegateError(f"{catalog} is not a catalog of DuckLake ({error}). Nothing was changed.") from error


def version_made_now() -> str:
    """The version of a catalog that this DuckLake makes."""
    with tempfile.TemporaryDirectory() as folder, connect_with(["ducklake"]) as con:
        con.execute(f"attach {literal(f'ducklake:{folder}/catalog')} as made (data_path {literal(folder)})")
        row = con.execute("select value from made.options() where option_name = 'version'").fetchone()
    return str(row[0]) if row else ""


def bring_up_to_date(config: LakeConfig) -> None:
    """Have DuckLake change an older catalog into one of its own version. There is no way back but a copy of it."""
    with connect_with(config.extensions) as con:
        for statement in [*s3_statements(config), attach_statement(config, migrate=True)]:
            con.execute(statement)
