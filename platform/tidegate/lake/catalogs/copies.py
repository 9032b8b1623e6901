"""A copy of a lake's catalog in one SQLite file, whatever the catalog is kept in, and such a copy in a catalog's place.

Of a SQLite catalog the copy is the database itself; one in Postgres is read into one, which DuckLake opens just as
well. So there is one form of a copy, it can be opened to see that it is sound, and it may take the place of either.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb

from tidegate.errors import TidegateError
from tidegate.lake.catalogs import postgres
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import no_lake, refuse_missing_catalog
from tidegate.lake.trouble import trouble
from tidegate.machine.disk import sync
from tidegate.machine.processes import own_name
from tidegate.machine.sqlite_copy import copy_sqlite


def copy_catalog(config: LakeConfig, target: Path) -> None:
    """Copy the catalog as it is at one moment into a new SQLite file. Writers go on meanwhile.

    Raises LakeMissingError where there is none, and TidegateError where it is damaged or cannot be read.
    """
    refuse_missing_catalog(config)
    if config.catalog_file is None:
        try:
            postgres.copy_out(config, target)
        except duckdb.CatalogException as error:
            # It lacks DuckLake's tables.
            raise no_lake(config) from error
        except duckdb.Error as error:
            raise trouble(error, str(target)) or _unreadable(config, str(error)) from error
    elif faults := copy_sqlite(config.catalog_file, target):
        raise _unreadable(config, "; ".join(faults))


def _unreadable(config: LakeConfig, why: str) -> TidegateError:
    return TidegateError(
        f"The lake's catalog {config.catalog} cannot be copied: {why.strip().rstrip('.')}. Nothing was changed. Check "
        "TIDEGATE_LAKE_CATALOG; if the catalog is damaged, docs/operating.md says what to do (The catalog is lost)."
    )


def refuse_catalog_in_place(config: LakeConfig) -> None:
    """Raise TidegateError where there is a catalog that holds anything."""
    if config.catalog_file:
        # What a database that is gone left beside it would be taken for a part of the next one.
        names = [config.catalog_file.name + suffix for suffix in ("", "-wal", "-journal")]
        is_there = any(config.catalog_file.with_name(name).exists() for name in names)
    else:
        is_there = postgres.holds_a_lake(config)
    if is_there:
        raise TidegateError(
            f"There is a lake at {config.catalog} already, and nothing is restored over one. Nothing was changed. Set "
            "TIDEGATE_HOME or TIDEGATE_LAKE_CATALOG to where there is none, or set the catalog that is there aside."
        )


def put_catalog(copy: Path, config: LakeConfig) -> None:
    """Have a copied catalog, which may be used up, be the lake's, with its data where the settings say."""
    with closing(sqlite3.connect(copy)) as catalog, catalog:
        # As DuckLake writes it.
        path = config.data.rstrip("/") + "/"
        catalog.execute("update ducklake_metadata set value = ? where key = 'data_path'", [path])
    if config.catalog_file is None:
        try:
            postgres.copy_in(copy, config)
        except duckdb.Error as error:
            raise trouble(error, config.catalog) or TidegateError(
                f"The catalog could not be written to {config.catalog}: {str(error).strip()} Nothing was put there. "
                "Correct TIDEGATE_LAKE_CATALOG, or what it names, and run the same command again."
            ) from error
        return
    config.catalog_file.parent.mkdir(parents=True, exist_ok=True)
    # First to its file system, which it may not be on, and then at once to its name.
    draft = config.catalog_file.with_name(f"{config.catalog_file.name}.{own_name()}")
    shutil.move(copy, draft)
    sync(draft)
    draft.replace(config.catalog_file)
    sync(config.catalog_file.parent)
