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

from tidegate.settings import CHECKOUT, load_settings
from tidegate.transform.parsed.project import DbtProject

WHOLE = CHECKOUT / "dbt_project"
# For a home whose project has the marts of every cadence.
EVERY_CADENCE = {"dbt_project": WHOLE}

# The mart of mornings, of which nothing is made, and what names it.
LEFT_OUT = ("daily_demand_forecast.*", "exposures.yml")


def parsed_by_tests(factory: pytest.TempPathFactory) -> Path:
    """The folder that is TIDEGATE_PARSED of every test, whichever of pytest's workers runs it: what one of them parsed
    and compiled, another finds."""
    folder = factory.getbasetemp()
    return (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "parsed"


def beside_parsed(name: str) -> Path:
    """A folder of all of pytest's workers, for what one of them makes and others take."""
    return Path(os.environ["TIDEGATE_PARSED"]).with_name(name)


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout's dbt project without its mart of mornings; it and the whole one are parsed."""
    folder = parsed_by_tests(tmp_path_factory).with_name("without-mornings")
    write_without_mornings(folder)
    for project in (WHOLE, folder):
        # Here it takes a third of what it takes in a process that parses nothing else.
        DbtProject(load_settings(home=folder.with_name("home"), dbt_project=project)).prepare()
    return folder


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
