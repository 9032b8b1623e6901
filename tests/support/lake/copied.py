"""Lakes for tests: copies of one that the platform made. Making one takes 120 ms of CPU, copying it 3."""

from __future__ import annotations

import shutil
import sqlite3
import uuid
from contextlib import closing
from functools import cache
from pathlib import Path

from tests.support.shared_folder import shared_folder

from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.data_files import is_remote
from tidegate.lake.extensions import connect_with, keep_checked
from tidegate.lake.identity import MARKER
from tidegate.ledger.upkeep.opening import make_lake, open_lake
from tidegate.zones import UTC


def put_lake(config: LakeConfig, like: LakeConfig | None = None) -> None:
    """Have a lake there, where there is none: an empty one, or what `like` is while nobody has it open.

    One on Postgres or in S3 is no folder that could be copied, and is made.
    """
    _take_extensions_as_checked(config)
    if config.catalog_file is None or is_remote(config.data):
        make_lake(config).close()
        return
    if config.catalog_file.exists():
        return
    made = like or _made_lake()
    assert made.catalog_file is not None
    for folder in (config.catalog_file.parent, config.lease_folder, config.spill):
        folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(made.catalog_file, config.catalog_file)
    shutil.copytree(made.data, config.data)
    _give_its_own_name(config.catalog_file, Path(config.data))


def new_lake(config: LakeConfig, like: LakeConfig | None = None) -> Lake:
    """What `put_lake` puts there, opened. Its ledger is of this version; only another time zone is still to be entered,
    which takes half of opening."""
    put_lake(config, like)
    return Lake.open(config) if config.timezone == UTC.name else open_lake(config)


def _take_extensions_as_checked(config: LakeConfig) -> None:
    """As in a home that was opened before: checking them takes 260 ms of CPU, opening a lake without that 35."""
    config.checked_extensions.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_checked_record(tuple(config.extensions)), config.checked_extensions)


@cache
def _checked_record(extensions: tuple[str, ...]) -> Path:
    record = shared_folder("extensions") / f"{'-'.join(extensions)}.json"
    with connect_with(extensions) as con:
        keep_checked(con, extensions, record)
    return record


@cache
def _made_lake() -> LakeConfig:
    """A lake that was made and never used."""
    folder = shared_folder("lake")
    config = LakeConfig(f"sqlite:{folder / 'catalog'}", str(folder / "data"), 1, "500MB", folder / "spill", 30.0)
    make_lake(config).close()
    return config


def _give_its_own_name(catalog: Path, data: Path) -> None:
    """What no two lakes share: where the data is, and the id by which catalog and data know each other."""
    lake = str(uuid.uuid4())
    (data / MARKER).write_text(f"{lake}\n")
    with closing(sqlite3.connect(catalog)) as con, con:
        # A lake that is lost with the machine is one that no test misses.
        con.execute("pragma synchronous = off")
        con.execute("update ducklake_metadata set value = ? where key = 'data_path'", [f"{data}/"])
        con.execute("update ducklake_schema set schema_uuid = ? where schema_id = 0", [lake])
