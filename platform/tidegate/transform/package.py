"""Tidegate's dbt package: where it is, and how a project comes by it without a network.

A project names it in packages.yml. What dbt looks up in the project itself and in no package (the name of a schema, an
incremental strategy) is in `macros/tidegate.sql`, of which each project has a copy. Reading what a project says belongs
to `parsed`.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from tidegate.errors import TidegateError
from tidegate.transform.parsed.files import packages_folder

# The package, and what goes into each project, beside it.
DBT_PACKAGE = Path(__file__).resolve().parents[1] / "dbt"
OF_THE_PROJECT = tuple(DBT_PACKAGE / "project" / name for name in ("tidegate.sql", "tidegate.yml"))

NAME = "tidegate"

# As packages.yml may name it: by its path, or by this variable, which is for dbt's own `deps`.
VARIABLE = "TIDEGATE_DBT_PACKAGE"
_NAMED_AS = (VARIABLE, "tidegate/dbt")


def is_named_by(folder: Path) -> bool:
    """Whether the project in `folder` names the package."""
    files = (folder / name for name in ("packages.yml", "dependencies.yml"))
    texts = [file.read_text(encoding="utf-8", errors="replace") for file in files if file.is_file()]
    return any(name in text for text in texts for name in _NAMED_AS)


def link_package(folder: Path) -> Path:
    """Have the package of this Tidegate among the installed ones of the project in `folder`. Returns where.

    A link to another Tidegate's is replaced, and a copy of this one's left alone. Raises TidegateError for anything
    else that is there, and where nothing can be written.
    """
    link = packages_folder(folder) / NAME
    if link.is_dir() and (link.resolve() == DBT_PACKAGE or (not link.is_symlink() and _content(link) == _content())):
        return link
    if link.exists() and not link.is_symlink():
        raise TidegateError(
            f"{link} is not the dbt package of Tidegate {version('tidegate')}. Nothing was built. Delete it, and "
            "Tidegate links its own there."
        )
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        # Beside it and moved there, so that a process that parses at the same time always finds one.
        beside = link.with_name(f".{NAME}-{os.getpid()}")
        with suppress(FileNotFoundError):
            beside.unlink()
        beside.symlink_to(DBT_PACKAGE, target_is_directory=True)
        beside.replace(link)
    except OSError as error:
        raise TidegateError(
            f"Tidegate's dbt package cannot be linked as {link}: {error.strerror or error}. Nothing was built. Make "
            "the folder writable once and run: tidegate dbt-package --link"
        ) from error
    return link


def write_own_macros(folder: Path) -> Path:
    """Have what dbt looks up in the project only in its `macros/tidegate.sql`, and its description beside it."""
    macros = folder / "macros"
    macros.mkdir(parents=True, exist_ok=True)
    for file in OF_THE_PROJECT:
        shutil.copyfile(file, macros / file.name)
    return macros / OF_THE_PROJECT[0].name


def _content(folder: Path = DBT_PACKAGE) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.suffix in (".sql", ".yml"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
