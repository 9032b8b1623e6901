"""Has a dbt project of a test use Tidegate's dbt package, as `tidegate new` does it for one."""

from __future__ import annotations

import shutil
from pathlib import Path

from tidegate.scaffold.new import FILES
from tidegate.settings import CHECKOUT
from tidegate.transform.package import link_package, write_own_macros


def use_package(folder: Path) -> Path:
    """Have the project in `folder` use the package and its profile. Returns the folder."""
    shutil.copy(CHECKOUT / "dbt_project" / "profiles.yml", folder)
    shutil.copy(FILES / "dbt_project" / "packages.yml", folder)
    link_package(folder)
    write_own_macros(folder)
    return folder
