"""A lake in a home of its own for each test; the project is parsed once for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.ledger.opening import make_lake
from tidegate.settings import Settings, load_settings
from tidegate.transform.project import DbtProject


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scratch folder of dbt, with the project parsed in it."""
    home = tmp_path_factory.mktemp("parsed")
    DbtProject(load_settings(home=home)).prepare()
    return home / "scratch" / "dbt"


@pytest.fixture
def settings(tmp_path: Path, parsed: Path) -> Settings:
    settings = load_settings(home=tmp_path / "home", threads=2, lake_patience=60.0)
    settings.scratch.mkdir(parents=True)
    (settings.scratch / "dbt").symlink_to(parsed)
    return settings


@pytest.fixture
def lake(settings: Settings) -> Iterator[Lake]:
    with make_lake(LakeConfig.of(settings)) as lake:
        yield lake
