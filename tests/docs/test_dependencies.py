"""docs/dependencies.md names every dependency once, under what it is for, and none that is gone."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable

from tidegate.settings import CHECKOUT

PAGE = CHECKOUT / "docs" / "dependencies.md"
NAME = re.compile(r"[A-Za-z0-9._-]+")


def test_every_dependency_has_its_line_and_no_other_has() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())

    assert listed_under("What runs") == names(project["project"]["dependencies"])
    assert listed_under("What it is built and tested with") == names(project["dependency-groups"]["dev"])
    assert listed_under("What the site is built with") == names(project["dependency-groups"]["docs"])


def test_every_line_says_what_it_is_for() -> None:
    rows = [line.split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| `")]

    assert rows
    assert [row[0] for row in rows if len(row) != 3 or not row[1].strip()] == []


def names(requirements: Iterable[str]) -> list[str]:
    return sorted(found[0] for requirement in requirements if (found := NAME.match(requirement)))


def listed_under(heading: str) -> list[str]:
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return sorted(re.findall(r"^\| `([^`]+)`", section, re.MULTILINE))
