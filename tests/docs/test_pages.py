"""What README.md and docs/ hold together: no link is broken; every path, target and command that they name exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from tests.docs.docs_commands import tidegate_commands
from tests.docs.docs_pages import Page, pages

from tidegate.settings import CHECKOUT

LANGUAGES = {"csv", "sh", "text", "yaml", "json", "sql", "python"}

# How a command begins, wherever it stands.
COMMAND = re.compile(r"(\.venv/bin/)?(tidegate|dagster|dbt|make|python|pip|uv|curl|psql|duckdb|rclone) ")

# Commands within sentences that are other people's, each with where it is used for real.
OF_OTHERS = {
    "dagster job execute": "benchmarks/standard.py, and .ci/run",
    "dagster dev": "named as what has no guards",
    "python -m tidegate.orchestration.instance.ui": "make dev starts it, in tests/e2e/test_ui_dev.py",
    "dbt build": "benchmarks/contenders.py",
    "dagster code-server": "tests/e2e/test_unattended.py starts what it serves",
    "dagster code-server start --host 0.0.0.0 --port 4266 --module-name tidegate.definitions": "compose.yaml",
    ".venv/bin/python -m tidegate.explain.settings > docs/settings.md": "tests/test_settings.py compares it",
    ".venv/bin/python -m tidegate.explain.macros > docs/dbt-package.md": "tests/transform/test_package.py does that",
    "pip install 'tidegate[s3]'": "deploy/docker installs it; tests/e2e/test_own_project.py installs the wheel",
    "pip install tidegate": "tests/docs/test_tour.py types it",
    'psql "$SHOP_DATABASE"': "needs a client of PostgreSQL, which is not ours to install",
}

# Before any command.
OF_EVERY_COMMAND = ("--version", "--project", "--home", "--install-completion", "--show-completion")

# What has no place for a value in it, like `<source>`; and how a folder or a file ends.
PATH = re.compile(r"[\w.-]+/[\w./-]*")
ENDING = re.compile(r"(/|\.(py|sql|ya?ml|md|sh|svg|json|parquet))$")

# Where a home and an environment are, in a checkout that has them.
NOT_OF_THE_REPOSITORY = (".tidegate/", ".venv/", "build/")

# Paths within sentences that lie elsewhere than in the repository, each with where.
OF_PLACES = {
    "damaged/": "in the archive",
    "python/definitions.py": "in a project of one's own",
}

# Of the repository, and of a project of one's own.
MAKEFILES = (CHECKOUT / "Makefile", CHECKOUT / "platform" / "tidegate" / "scaffold" / "files" / "Makefile")
TARGETS = {found for file in MAKEFILES for found in re.findall(r"^([a-z-]+):", file.read_text(), re.MULTILINE)}


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


@pytest.mark.slow
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
    if words[:1] and words[0] in OF_EVERY_COMMAND:
        return None
    commands = tidegate_commands()
    groups = {name.partition(" ")[0] for name in commands if " " in name}
    name = " ".join(words[: 2 if words[:1] and words[0] in groups else 1])
    if name and name not in commands and name not in groups:
        return f"no command {name}"
    options = commands.get(name, frozenset())
    return next((f"no option {word}" for word in words if word.startswith("--") and word not in options), None)


@pytest.mark.parametrize("page", pages(), ids=named)
def test_every_target_in_a_block_is_one(page: Page) -> None:
    commands = [command for block in page.blocks if block.language == "sh" for command in block.commands]
    assert [command for command in commands if command.startswith("make ") and _no_command(command)] == []


@pytest.mark.parametrize("page", pages(), ids=named)
def test_every_path_exists(page: Page) -> None:
    written_by_the_reader = {block.file for block in page.blocks}
    paths = [code for code in page.inline_code if _is_of_the_repository(code) and code not in written_by_the_reader]
    assert [path for path in paths if not _exists(path)] == []


def _is_of_the_repository(code: str) -> bool:
    if not PATH.fullmatch(code) or code in OF_PLACES or code.startswith(NOT_OF_THE_REPOSITORY):
        return False
    return bool(ENDING.search(code)) or (CHECKOUT / code.partition("/")[0]).is_dir()


def _exists(path: str) -> bool:
    """Whether it is a path from the root of the repository, or from that of the package."""
    return any((root / path).exists() for root in (CHECKOUT, CHECKOUT / "platform" / "tidegate"))


def test_what_is_no_path_is_found() -> None:
    assert _exists("docs/tour.md")
    assert _exists("lake/sql.py")
    assert [code for code in ("reporting/anomalies.py", "lake/outputs.py", "tests/reports/") if _exists(code)] == []
    assert all(map(_is_of_the_repository, ("reporting/anomalies.py", "platform/tidegate/reporting", "tests/reports/")))
    assert not any(
        map(_is_of_the_repository, ("contracts/<source>.odcs.yaml", "application/json", ".tidegate/lake/copies"))
    )


def test_what_is_no_command_is_found() -> None:
    assert _no_command("tidegate quarantine show --source orders --partition DAY") is None
    assert _no_command("tidegate breaker close customers") is None
    assert _no_command("make docs") is None
    assert _no_command("tidegate quarantine open") == "no command quarantine open"
    assert _no_command("tidegate run --day DAY") == "no option --day"
    assert _no_command("make coffee") == "no target coffee"
    assert _no_command("curl localhost") is not None


def test_readme_names_every_folder_of_the_package() -> None:
    folders = {path.parent.name for path in (CHECKOUT / "platform" / "tidegate").glob("*/__init__.py")}
    named_there = set(Page(CHECKOUT / "README.md").inline_code)

    assert {folder for folder in folders if f"{folder}/" not in named_there} == set()
