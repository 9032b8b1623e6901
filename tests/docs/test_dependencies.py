"""docs/dependencies.md names every dependency once, under what it is for, and none that is gone; the lock has each."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable

import pytest

from tidegate.settings import CHECKOUT

PAGE = CHECKOUT / "docs" / "dependencies.md"
NAME = re.compile(r"[A-Za-z0-9._-]+")
PINNED = re.compile(r"([A-Za-z0-9._-]+)==(\S+)")


def required() -> dict[str, list[str]]:
    """The requirements of pyproject.toml, under the headings of the page."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    return {
        "What runs": project["project"]["dependencies"],
        "What can be added": [each for extra in project["project"]["optional-dependencies"].values() for each in extra],
        "What it is built and tested with": project["dependency-groups"]["dev"],
        "What the site is built with": project["dependency-groups"]["docs"],
    }


@pytest.mark.parametrize("heading", required())
def test_every_dependency_has_its_line_and_no_other_has(heading: str) -> None:
    assert listed_under(heading) == names(required()[heading])


def test_every_line_says_what_it_is_for() -> None:
    rows = [line.split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| `")]

    assert rows
    assert [row[0] for row in rows if len(row) != 3 or not row[1].strip()] == []


def test_the_lock_has_every_dependency_and_every_pinned_version() -> None:
    locked = dict(PINNED.findall((CHECKOUT / "requirements.lock").read_text()))
    requirements = [requirement for group in required().values() for requirement in group]

    assert [name for name in names(requirements) if name.lower() not in locked] == []
    pinned = [found.groups() for requirement in requirements if (found := PINNED.match(requirement))]
    assert [(name, version) for name, version in pinned if locked[name] != version] == []


def test_duckdb_and_its_extensions_are_pinned_to_one_version() -> None:
    engine = [requirement for requirement in required()["What runs"] if requirement.startswith("duckdb")]
    # The installer of the extensions has versions of its own.
    versions = {requirement.partition("==")[2] for requirement in engine if requirement != "duckdb-extensions"}

    assert len(versions) == 1
    assert versions != {""}


def names(requirements: Iterable[str]) -> list[str]:
    return sorted({found[0] for requirement in requirements if (found := NAME.match(requirement))})


def listed_under(heading: str) -> list[str]:
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return sorted(re.findall(r"^\| `([^`]+)`", section, re.MULTILINE))
