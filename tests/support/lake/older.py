"""Lakes that older versions made, as files in the repository, and unpacking them."""

from __future__ import annotations

import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

from tests.support.lake.shop import config_in

from tidegate.lake.config import LakeConfig

FOLDER = Path(__file__).parents[2] / "ledger"

# See the fixture `first_home` in tests/ledger.
FIRST_HOME = FOLDER / "first_home.tar.xz"
# The rows of its tables, written into a lake of DuckLake 0.3 by DuckDB 1.4.4.
OLDER_DUCKLAKE = FOLDER / "older_ducklake.tar.xz"


def unpacked(packed: Path, folder: Path) -> LakeConfig:
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    config = config_in(folder)
    # Closed at once: a connection of Python's and one of DuckDB's in one process do not see each other's locks.
    with closing(sqlite3.connect(folder / "lake" / "catalog.sqlite")) as catalog, catalog:
        # A catalog says where its data is, and it is unpacked somewhere else.
        catalog.execute("update ducklake_metadata set value = ? where key = 'data_path'", [f"{config.data}/"])
    return config
