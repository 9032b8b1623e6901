"""Everything that shapes a dbt project: its files, those of installed packages, and environment variables.

The hash over all of them is in `project`. dbt itself is not imported: it takes a second.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tidegate.errors import TidegateError

# Where dbt looks when dbt_project.yml names no other folders.
FOLDERS = {
    "model-paths": ["models"],
    "macro-paths": ["macros"],
    "test-paths": ["tests"],
    "seed-paths": ["seeds"],
    "snapshot-paths": ["snapshots"],
    "analysis-paths": ["analyses"],
    "function-paths": ["functions"],
    "docs-paths": [],
}
PACKAGES = "packages-install-path"

# Python that models in Python import. dbt itself knows nothing of it.
MODULES = "modules"

# dbt_project.yml, profiles.yml, packages.yml, dependencies.yml, selectors.yml and package-lock.yml.
BESIDE_THE_PROJECT = ("*.yml", "*.yaml")

# Left behind by Python and version control; dbt reads none of it.
NEVER_READ = frozenset({"__pycache__", ".git"})

READS_VARIABLE = re.compile(rb"""env_var\(\s*['"]([^'"]+)['"]""")


# By which a template learns where the project is.
KNOWS_FOLDER = re.compile(rb"project_root|PROJECT_DIR|project_dir|invocation_args_dict|flags\b")

# dbt notes where seeds are, and our own package where models in Python are.
NOTED_WHERE = (".csv", ".py")
OWN_PACKAGE = "tidegate"


def knows_its_folder(folder: Path, files: Mapping[Path, bytes]) -> bool:
    """Whether what dbt makes of these files of the project in `folder` may say where they are, and so does not serve
    for the same files elsewhere."""
    ours = packages_folder(folder) / OWN_PACKAGE
    return any(
        path.suffix in NOTED_WHERE or (KNOWS_FOLDER.search(content) and not path.is_relative_to(ours))
        for path, content in files.items()
    )


def project_files(folder: Path) -> list[Path]:
    """The files that dbt reads of the project in `folder`, those of the packages in it included, in order.

    Raises TidegateError when there is no project.
    """
    config = _config(folder)
    found = {path for pattern in BESIDE_THE_PROJECT for path in folder.glob(pattern) if path.is_file()}
    for setting, default in FOLDERS.items():
        for name in config.get(setting) or default:
            # What only dbt can render may be any folder.
            found.update(_files_below(folder / ("." if "{{" in name else name)))
    found.update(_files_below(folder / MODULES))
    for package in _packages(packages_folder(folder)):
        found.update(project_files(package))
    return sorted(found)


def packages_folder(folder: Path) -> Path:
    """Where the packages of the project in `folder` are installed."""
    return folder / str(_config(folder).get(PACKAGES) or "dbt_packages")


def variables_read(files: list[bytes]) -> dict[str, str | None]:
    """The environment variables that these files read with `env_var`, and dbt's own settings, with their values."""
    named = {name.decode("utf-8", "replace") for content in files for name in READS_VARIABLE.findall(content)}
    named |= {name for name in os.environ if name.startswith("DBT_")}
    return {name: os.environ.get(name) for name in sorted(named)}


def variables_of(folder: Path) -> dict[str, Any]:
    """dbt's own variables as dbt_project.yml gives them, those under the project's name taken for all of it."""
    config = _config(folder)
    variables: dict[str, Any] = config.get("vars") or {}
    own = variables.get(str(config.get("name")))
    return {**variables, **own} if isinstance(own, dict) else dict(variables)


def modules_of(folder: Path) -> dict[str, str]:
    """The Python that models of the project in `folder` may import, by the module's name."""
    below = folder / MODULES
    files = {path.relative_to(below): path for path in below.rglob("*.py")}
    return {_module_name(relative): path.read_text() for relative, path in sorted(files.items())}


def _module_name(file: Path) -> str:
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _config(folder: Path) -> dict[str, Any]:
    file = folder / "dbt_project.yml"
    if not file.is_file():
        raise TidegateError(
            f"There is no dbt project in {folder}: dbt_project.yml is missing. "
            "Set TIDEGATE_DBT_PROJECT to the project's folder."
        )
    try:
        config = yaml.safe_load(file.read_bytes())
    except yaml.YAMLError as error:
        raise TidegateError(f"{file} is not YAML: {error}\nNothing was built. Fix the file and run again.") from error
    return config if isinstance(config, dict) else {}


def _packages(folder: Path) -> Iterator[Path]:
    """The installed packages; one that is not whole is dbt's to refuse."""
    if folder.is_dir():
        yield from (path for path in folder.iterdir() if (path / "dbt_project.yml").is_file())


def _files_below(folder: Path) -> Iterator[Path]:
    # A package that is installed from a folder is a link to it.
    for root, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if name not in NEVER_READ]
        yield from (path for name in names if (path := Path(root, name)).is_file())
