"""What the package reads beside its Python is in the wheel: an editable install would not show that it is left out."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tidegate.settings import CHECKOUT

SOURCES = CHECKOUT / "platform"


def test_every_file_of_the_package_is_packed_by_a_pattern() -> None:
    patterns = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    packed = {
        file
        for package, globs in patterns.items()
        for pattern in globs
        for file in SOURCES.joinpath(*package.split(".")).glob(pattern)
    }
    assert sorted(str(file.relative_to(SOURCES)) for file in read_files() - packed) == []


def read_files() -> set[Path]:
    there = (file for file in (SOURCES / "tidegate").rglob("*") if file.is_file())
    return {file for file in there if file.suffix not in (".py", ".pyc")}
