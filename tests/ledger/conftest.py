"""A lake on a temporary home, a small shop in it, and the lake of a home that the first version made."""

from __future__ import annotations

import sqlite3
import tarfile
from pathlib import Path

import pytest
from tests.support.lake.shop import bare_home, config_in, home, lake, shop

from tidegate.lake.config import LakeConfig

__all__ = ["bare_home", "home", "lake", "shop"]

FIRST_HOME = Path(__file__).with_name("first_home.tar.xz")


@pytest.fixture
def first_home(tmp_path: Path) -> LakeConfig:
    """The lake of a home that commit 2308137 made: `tidegate demo shop --days 8 --orders-per-day 25 --seed 7` and a
    backfill of it, with 5 January held by its gate; then 3 January with two lines less, and rolled back."""
    with tarfile.open(FIRST_HOME) as archive:
        archive.extractall(tmp_path, filter="data")
    config = config_in(tmp_path)
    with sqlite3.connect(tmp_path / "lake" / "catalog.sqlite") as catalog:
        # A catalog says where its data is, and it is unpacked somewhere else.
        catalog.execute("update ducklake_metadata set value = ? where key = 'data_path'", [f"{config.data}/"])
    return config
