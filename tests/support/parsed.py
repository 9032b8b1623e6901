"""The dbt projects that tests share, parsed once for all of them: it takes seconds.

The checkout's has a mart of mornings, which runs of their own build after each day and take as long as the day itself.
Homes are made without it unless a test asks for every cadence.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from tests.support.dbt_package import use_package

from tidegate.settings import CHECKOUT, Settings, load_settings
from tidegate.transform.parsed.project import DbtProject

WHOLE = CHECKOUT / "dbt_project"
# For a home whose project has the marts of every cadence.
EVERY_CADENCE = {"dbt_project": WHOLE}

# The mart of mornings, of which nothing is made, and what names it.
LEFT_OUT = ("daily_demand_forecast.*", "exposures.yml")


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scratch folder of dbt with the projects parsed in it, by whichever of pytest's workers needs them first."""
    folder = tmp_path_factory.getbasetemp()
    home = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "parsed"
    scratch = home / "scratch" / "dbt"
    without = without_mornings(scratch)
    write_without_mornings(without)
    for project in (WHOLE, without):
        DbtProject(load_settings(home=home, dbt_project=project)).prepare()
    return scratch


def without_mornings(parsed: Path) -> Path:
    """The checkout's dbt project without its mart of mornings."""
    return parsed.parents[1] / "without-mornings"


def write_without_mornings(folder: Path) -> None:
    """By whichever of pytest's workers is first."""
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=folder.parent)) / folder.name
    shutil.copytree(WHOLE, beside, ignore=shutil.ignore_patterns(*LEFT_OUT, "dbt_packages", "target", "logs"))
    use_package(beside)
    with suppress(OSError):
        beside.rename(folder)


def take_parsed(settings: Settings, parsed: Path) -> Settings:
    """Settings of a new home that finds the projects parsed."""
    settings.scratch.mkdir(parents=True)
    (settings.scratch / "dbt").symlink_to(parsed)
    return settings


def parse_apart(settings: Settings, folder: Path) -> None:
    """Have a home parse into this folder. A test with many projects would drive those that all tests share out of the
    shared one, which keeps only the newest, while another worker has them in use."""
    folder.mkdir(exist_ok=True)
    (settings.scratch / "dbt").unlink()
    (settings.scratch / "dbt").symlink_to(folder)
