"""A lake on a temporary home, a small shop in it, and the lake of a home that the first version made."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.lake.older import FIRST_HOME, unpacked
from tests.support.lake.shop import bare_home, home, lake, shop

from tidegate.lake.config import LakeConfig
from tidegate.ledger.upkeep.opening import upgrade_ledger

__all__ = ["bare_home", "home", "lake", "shop"]


@pytest.fixture
def first_home(tmp_path: Path) -> LakeConfig:
    """The lake of a home that commit 2308137 made: `tidegate demo shop --days 8 --orders-per-day 25 --seed 7` and a
    backfill of it, with 5 January held by its gate; then 3 January with two lines less, and rolled back."""
    return unpacked(FIRST_HOME, tmp_path)


@pytest.fixture
def upgraded_home(first_home: LakeConfig) -> LakeConfig:
    """The same, brought up to this version."""
    upgrade_ledger(first_home)
    return first_home
