"""The version of DuckLake that a catalog is of, and the one that this DuckLake makes.

A catalog of an older version is not opened: bringing it up to date is `tidegate upgrade`'s, with a backup before.
"""

from __future__ import annotations

import dataclasses
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import duckdb

from tidegate.errors import TidegateError
from tidegate.lake.catalogs.postgres import SERVER
from tidegate.lake.config import LakeConfig, attach_statement, s3_statements
from tidegate.lake.connect import no_lake, refuse_missing_catalog
from tidegate.lake.extensions import connect_with
from tidegate.lake.sql import literal
from tidegate.lake.trouble import trouble

VERSION = "select value from {}ducklake_metadata where key = 'version'"


def version_in(catalog: Path) -> str:
    """The version of a catalog that is in a SQLite file. Raises TidegateError for what is none."""
    try:
        with closing(sqlite3.connect(f"{catalog.absolute().as_uri()}?mode=rw", uri=True)) as con:
            return str(con.execute(VERSION.format("")).fetchone()[0])
    except (sqlite3.DatabaseError, TypeError) as error:
        raise TidegateError(f"{catalog} is not a catalog of DuckLake ({error}). Nothing was changed.") from error


def version_of_catalog(config: LakeConfig) -> str:
    """The version of the lake's catalog, also where this DuckLake would not open it. Raises LakeMissingError."""
    refuse_missing_catalog(config)
    if config.catalog_file:
        return version_in(config.catalog_file)
    with connect_with(["postgres_scanner"]) as con:
        address = literal(config.catalog.removeprefix("postgres:"))
        con.execute(f"attach {address} as {SERVER} (type postgres, read_only)")
        try:
            row = con.execute(VERSION.format(f"{SERVER}.")).fetchone()
        except duckdb.CatalogException as error:
            raise no_lake(config) from error
    if row is None:
        raise no_lake(config)
    return str(row[0])


def version_made_now() -> str:
    """The version of a catalog that this DuckLake makes."""
    with tempfile.TemporaryDirectory() as folder, connect_with(["ducklake"]) as con:
        con.execute(f"attach {literal(f'ducklake:{folder}/catalog')} as made (data_path {literal(folder)})")
        row = con.execute("select value from made.options() where option_name = 'version'").fetchone()
    return str(row[0]) if row else ""


def as_upgraded(copy: Path, config: LakeConfig) -> LakeConfig:
    """The lake with a copied catalog in the place of its own, of this version: one that is not is copied again and
    brought up to it, which tries that out."""
    if version_in(copy) != version_made_now():
        trial = copy.with_name("trial.sqlite")
        shutil.copyfile(copy, trial)
        copy = trial
        bring_up_to_date(dataclasses.replace(config, catalog=f"sqlite:{trial}"))
    return dataclasses.replace(config, catalog=f"sqlite:{copy}")


def bring_up_to_date(config: LakeConfig) -> None:
    """Have DuckLake change an older catalog into one of its own version. There is no way back but a copy of it.

    Raises TidegateError, with nothing changed, where it cannot.
    """
    with connect_with(config.extensions) as con:
        try:
            for statement in [*s3_statements(config), attach_statement(config, migrate=True)]:
                con.execute(statement)
        except duckdb.Error as error:
            raise trouble(error, config.catalog) or TidegateError(
                f"The catalog cannot be brought up to date: {str(error).strip().rstrip('.')}. Nothing was changed. If "
                "a newer Tidegate wrote to it, install that one here, too."
            ) from error
