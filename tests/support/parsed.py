"""The dbt project, parsed once for all tests: it takes seconds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tidegate.settings import Settings, load_settings
from tidegate.transform.parsed.project import DbtProject


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scratch folder of dbt with the project parsed in it, by whichever of pytest's workers needs it first."""
    folder = tmp_path_factory.getbasetemp()
    home = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "parsed"
    DbtProject(load_settings(home=home)).prepare()
    return home / "scratch" / "dbt"


def take_parsed(settings: Settings, parsed: Path) -> Settings:
    """Settings of a new home that finds the project parsed."""
    settings.scratch.mkdir(parents=True)
    (settings.scratch / "dbt").symlink_to(parsed)
    return settings
