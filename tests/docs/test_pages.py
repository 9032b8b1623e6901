"""What README.md and docs/ hold together: no link within them is broken, and every command in them is one."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from tests.docs.docs_commands import tidegate_commands
from tests.docs.docs_pages import Page, pages

from tidegate.settings import CHECKOUT

LANGUAGES = {"sh", "text", "yaml", "json", "sql", "python"}

# How a command begins, wherever it stands.
COMMAND = re.compile(r"(\.venv/bin/)?(tidegate|dagster|dbt|make|python|pip|uv|curl|psql|duckdb|rclone) ")

# Commands within sentences that are other people's, each with where it is used for real.
OF_OTHERS = {
    "dagster job execute": "benchmarks/standard.py, and .ci/run",
    "dagster dev": "named as what has no guards",
    "python -m tidegate.orchestration.instance.ui": "make dev starts it, in tests/e2e/test_ui_dev.py",
    "dbt build": "benchmarks/contenders.py",
    "dagster code-server": "tests/e2e/test_unattended.py starts what it serves",
    'psql "$SHOP_DATABASE"': "needs a client of PostgreSQL, which is not ours to install",
}

TARGETS = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))


def named(page: Page) -> str:
    return page.name


@pytest.mark.parametrize("page", pages(), ids=named)
def test_no_link_is_broken(page: Page) -> None:
    broken = [link for link in page.links if not urlsplit(link).scheme and not _leads_somewhere(page, link)]
    assert broken == []


def _leads_somewhere(page: Page, link: str) -> bool:
    parts = urlsplit(link)
    target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
    if parts.fragment:
        return target.suffix == ".md" and parts.fragment in Page(target).anchors
    return target.exists()


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        "# A\n\n## Files in S3: so\n\n[x](#files-in-s3-so) [y](b.md) ![z](#files) [w](a.md#a)\n"
    )
    page = Page(tmp_path / "a.md")

    assert [link for link in page.links if not _leads_somewhere(page, link)] == ["b.md", "#files"]


@pytest.mark.parametrize("page", pages(), ids=named)
def test_every_block_says_what_it_is(page: Page) -> None:
    unknown = [f"{page.name}:{block.line}: {block.language or 'nothing'}" for block in page.blocks]
    assert [block for block in unknown if block.rpartition(" ")[2] not in LANGUAGES] == []


@pytest.mark.parametrize("page", pages(), ids=named)
def test_every_command_in_a_sentence_is_one(page: Page) -> None:
    commands = [code for code in page.inline_code if COMMAND.match(code) and code not in OF_OTHERS]
    assert {code: why for code in commands if (why := _no_command(code))} == {}


def _no_command(code: str) -> str | None:
    """Why this cannot be typed, or None. Values are not looked at: in a sentence they may stand for others."""
    program, *words = shlex.split(code.removeprefix(".venv/bin/"))
    if program == "make":
        return next((f"no target {word}" for word in words if "=" not in word and word not in TARGETS), None)
    if program != "tidegate":
        return "nobody has looked at it; see OF_OTHERS"
    commands = tidegate_commands()
    groups = {name.partition(" ")[0] for name in commands if " " in name}
    name = " ".join(words[: 2 if words[:1] and words[0] in groups else 1])
    if name and name not in commands and name not in groups:
        return f"no command {name}"
    options = commands.get(name, frozenset())
    return next((f"no option {word}" for word in words if word.startswith("--") and word not in options), None)


def test_what_is_no_command_is_found() -> None:
    assert _no_command("tidegate quarantine show --source orders --partition DAY") is None
    assert _no_command("tidegate breaker close customers") is None
    assert _no_command("make docs") is None
    assert _no_command("tidegate quarantine open") == "no command quarantine open"
    assert _no_command("tidegate run --day DAY") == "no option --day"
    assert _no_command("make coffee") == "no target coffee"
    assert _no_command("curl localhost") is not None
