"""The newcomer's tour, followed to the letter in an empty folder: a project of one's own from the wheel alone, from a
sample file to an upgrade."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.docs.docs_pages import Block, Page
from tests.docs.docs_shell import COLUMNS, OF_MAKE, Shell, terminal
from tests.support.ui.server import Ui
from tests.support.waiting import wait_for
from tests.support.wheel import as_from_an_index, as_version, built

from tidegate.settings import CHECKOUT

TOUR = Page(CHECKOUT / "docs" / "tour.md")
OWN = ("TIDEGATE_", "PIP_", "UV_", "DAGSTER_", "VIRTUAL_ENV", "PYTHON")

# All of it: six runs, a plan, and the UI.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class Newcomer:
    """Somebody in an empty folder, with a terminal, an index that has Tidegate, and a free port for the UI. The index
    has the version that the page upgrades to once the page names it."""

    folder: Path
    wheel: Path
    environment: dict[str, str]
    shell: Shell
    port: int

    def follow(self, page: Page) -> None:
        """Write every file and type every command of the page, in order, and see what it says that one sees."""
        seen = ""
        for block in page.blocks:
            if block.file:
                path = self.here / block.file
                assert not path.exists(), f"{page.name}:{block.line}: {block.file} is there already"
                path.write_text(block.text, encoding="utf-8")
            elif block.expected == "goes on":
                self._look_at_the_ui(block)
            elif block.language == "sh":
                if newer := re.search(r"tidegate==([\d.]+)", block.text):
                    as_version(self.wheel, newer[1])
                seen = self.shell.run(block.text, fails=block.expected == "fails")
            else:
                assert block.language == "text", f"{page.name}:{block.line}: a box that nobody can follow"
                assert_seen(page, block, seen)

    @property
    def here(self) -> Path:
        """Where the terminal is."""
        return Path(self.shell.run("pwd").strip())

    def _look_at_the_ui(self, block: Block) -> None:
        """Type it in a second terminal, until the UI shows the newcomer's mart, and stop it."""
        with terminal(self.here, self.environment) as second:
            second.start(block.text)
            wait_for("the mart in the UI", lambda: "daily_products" in assets(f"http://127.0.0.1:{self.port}"))


def assets(url: str) -> set[str]:
    """The last parts of the keys of all assets that the UI shows; none while it is not up."""
    try:
        nodes = Ui(url).graphql("{ assetNodes { assetKey { path } } }")["assetNodes"]
    except OSError:
        return set()
    return {node["assetKey"]["path"][-1] for node in nodes}


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    wheel = built(tmp_path / "dist", "--wheel")
    folder = tmp_path / "empty"
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if name not in OF_MAKE and not name.startswith(OWN)}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
    index = as_from_an_index(tmp_path / "packages", wheel.parent)
    environment = {**kept, **index, "PATH": path, "COLUMNS": COLUMNS, "PORT": str(port)}
    with terminal(folder, environment) as shell:
        yield Newcomer(folder, wheel, environment, shell, port)


def test_the_tour_ends_with_a_project_of_ones_own_that_was_upgraded(newcomer: Newcomer) -> None:
    newcomer.follow(TOUR)

    installed = newcomer.shell.run('.venv/bin/python -c "import tidegate; print(tidegate.__file__)"')
    assert Path(installed.strip()).is_relative_to(newcomer.folder)
    kept = newcomer.shell.run('.venv/bin/tidegate query "select count(*) from serving.daily_products" --format csv')
    assert kept.split() == ["count_star()", "10"]


def assert_seen(page: Page, block: Block, seen: str) -> None:
    """Every line of the block was printed, in this order; what else was printed the page leaves out."""
    rest = spaced(seen)
    for line in block.text.splitlines():
        _, found, rest = rest.partition(spaced(line))
        assert found, f"{page.name}:{block.line}: `{line}` was not printed, or not here:\n{seen}"


def spaced(text: str) -> str:
    return re.sub(r"\s+", " ", text.strip())
