"""A lake in a home of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.lake.copied import new_lake
from tests.support.parsed import parsed

from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.settings import Settings, load_settings

__all__ = ["parsed"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = load_settings(home=tmp_path / "home", threads=1, lake_patience=60.0)
    settings.scratch.mkdir(parents=True)
    return settings


@pytest.fixture
def lake(settings: Settings) -> Iterator[Lake]:
    with new_lake(LakeConfig.of(settings)) as lake:
        yield lake
