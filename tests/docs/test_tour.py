"""The newcomer's tour, followed to the letter in a fresh clone: it ends with the newcomer's own source in a mart."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.docs.docs_clone import fresh_clone
from tests.docs.docs_pages import Block, Page
from tests.docs.docs_shell import Shell, environment_of, terminal

from tidegate.settings import CHECKOUT

TOUR = Page(CHECKOUT / "docs" / "tour.md")

# All of it: a fortnight of the shop, and seven runs.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return fresh_clone(tmp_path / "tidegate")


@pytest.fixture
def newcomer(clone: Path) -> Iterator[Shell]:
    """The terminal of somebody who has just cloned the repository."""
    with terminal(clone, environment_of(clone)) as shell:
        yield shell


def test_the_tour_ends_with_the_newcomers_own_source_in_a_mart(clone: Path, newcomer: Shell) -> None:
    follow(TOUR, clone, newcomer)

    assert published(newcomer) == [
        ["order_date", "ad_spend", "net_revenue", "revenue_per_spend"],
        ["2024-01-02", "150.5000", "69225.4100", "459.9696"],
        ["2024-01-03", "160.5000", "74864.5800", "466.4460"],
        ["2024-01-04", "150.5000", "63526.5400", "422.1033"],
    ]


def follow(page: Page, folder: Path, shell: Shell) -> None:
    """Write every file and type every command of the page, in order, and see what it says that one sees."""
    seen = ""
    for block in page.blocks:
        if block.file:
            path = folder / block.file
            assert not path.exists(), f"{page.name}:{block.line}: {block.file} is there already"
            path.write_text(block.text, encoding="utf-8")
        elif block.language == "sh":
            seen = shell.run(block.text, fails=block.expected == "fails")
        else:
            assert block.language == "text", f"{page.name}:{block.line}: a box that nobody can follow"
            assert_seen(page, block, seen)


def assert_seen(page: Page, block: Block, seen: str) -> None:
    """Every line of the block was printed, in this order; what else was printed the page leaves out."""
    rest = spaced(seen)
    for line in block.text.splitlines():
        _, found, rest = rest.partition(spaced(line))
        assert found, f"{page.name}:{block.line}: `{line}` was not printed, or not here:\n{seen}"


def spaced(text: str) -> str:
    return re.sub(r"\s+", " ", text.strip())


def published(shell: Shell) -> list[list[str]]:
    printed = shell.run('.venv/bin/tidegate query "from serving.daily_marketing order by 1" --format csv')
    return list(csv.reader(printed.splitlines()))
