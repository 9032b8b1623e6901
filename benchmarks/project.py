"""The project that a benchmark's Tidegate works in: the dbt project of the checkout, contracts of its own, and no `.env`."""

from __future__ import annotations

import shutil
from pathlib import Path

from tidegate.settings import CHECKOUT


def begin_project(folder: Path) -> None:
    """Have the folder be a project that has no contracts yet."""
    (folder / "contracts").mkdir()
    shutil.copy(CHECKOUT / "workspace.yaml", folder)


def settings_of(folder: Path, landing: Path) -> dict[str, str]:
    """The environment of whatever works on the project."""
    return {
        "PYTHONPATH": str(CHECKOUT),
        "TIDEGATE_PROJECT": str(folder),
        "TIDEGATE_HOME": str(folder / "home"),
        "TIDEGATE_DBT_PROJECT": str(CHECKOUT / "dbt_project"),
        "TIDEGATE_LANDING": str(landing),
    }
