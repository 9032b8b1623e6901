"""CONTRIBUTING.md, typed in a fresh clone.

What takes minutes or needs an index of packages is checked with `make --dry-run` only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.docs.docs_clone import fresh_clone
from tests.docs.docs_pages import Page
from tests.docs.docs_shell import Shell, environment_of, terminal

from tidegate.settings import CHECKOUT

PAGE = Page(CHECKOUT / "CONTRIBUTING.md")
COMMANDS = [command for block in PAGE.blocks if block.language == "sh" for command in block.commands]

# By command: what runs it for real, and the words there by which one sees it. None where nothing can.
NOT_TYPED = {
    "make test": (".ci/run", "make test"),
    "make lint": (".ci/run", "make lint"),
    "make types": (".ci/run", "make types"),
    "make package": (".github/workflows/release.yml", "make package"),
    "make docs": ("tests/explain/test_site.py", '"make", "docs"'),
    "make format": ("tests/docs/test_contributing.py", '"make format"'),
    # It asks an index of packages for the newest versions.
    "make lock": None,
}

PROGRAM = re.compile(r"\.venv/bin/[\w.-]+")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fresh_clone(tmp_path_factory.mktemp("contributing") / "tidegate")


@pytest.fixture
def contributor(clone: Path) -> Iterator[Shell]:
    with terminal(clone, environment_of(clone)) as shell:
        yield shell


def test_the_steps_work_in_a_fresh_clone(clone: Path, contributor: Shell) -> None:
    for command in COMMANDS:
        if command not in NOT_TYPED:
            contributor.run(command)

    assert (clone / ".git" / "hooks" / "pre-commit").exists()


@pytest.mark.parametrize("command", NOT_TYPED)
def test_what_is_not_typed_has_a_target_whose_programs_are_installed(
    clone: Path, contributor: Shell, command: str
) -> None:
    programs = PROGRAM.findall(contributor.run(command.replace("make ", "make --dry-run ")))

    assert programs
    assert [program for program in programs if not (clone / program).exists()] == []


@pytest.mark.parametrize("command", NOT_TYPED)
def test_what_is_not_typed_is_on_the_page_and_runs_elsewhere(command: str) -> None:
    assert command in COMMANDS
    if elsewhere := NOT_TYPED[command]:
        path, words = elsewhere
        assert words in (CHECKOUT / path).read_text(encoding="utf-8")


@pytest.mark.slow
def test_formatting_changes_nothing_that_is_committed(contributor: Shell) -> None:
    before = contributor.run("git status --short")

    contributor.run("make format")

    assert contributor.run("git status --short") == before
