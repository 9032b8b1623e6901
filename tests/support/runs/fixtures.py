"""Homes of their own for end-to-end tests. The dbt project is parsed once for all of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.support.runs.home import NewHome, TemporaryHome, settings_of

from tidegate.lake.config import LakeConfig
from tidegate.ledger.opening import make_lake
from tidegate.settings import load_settings
from tidegate.transform.project import DbtProject


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scratch folder of dbt, with the project parsed in it; parsing takes seconds."""
    home = tmp_path_factory.mktemp("parsed")
    DbtProject(load_settings(home=home)).prepare()
    return home / "scratch" / "dbt"


@pytest.fixture(scope="module")
def new_module_home(tmp_path_factory: pytest.TempPathFactory, parsed: Path) -> Iterator[NewHome]:
    """As `new_home`, for a home that several tests of a module share."""
    with ExitStack() as stack:
        yield _maker(tmp_path_factory.mktemp("homes"), parsed, stack)


@pytest.fixture
def new_home(tmp_path: Path, parsed: Path) -> Iterator[NewHome]:
    """Makes homes of their own: `new_home(start_date=...)`, with any setting by its field's name."""
    with ExitStack() as stack:
        yield _maker(tmp_path, parsed, stack)


@pytest.fixture
def temporary_home(new_home: NewHome) -> TemporaryHome:
    return new_home()


def _maker(folder: Path, parsed: Path, stack: ExitStack) -> NewHome:
    numbers = itertools.count(1)

    def make(**overrides: object) -> TemporaryHome:
        home = TemporaryHome(settings_of(folder / f"home-{next(numbers)}", **overrides))
        home.settings.scratch.mkdir(parents=True)
        (home.settings.scratch / "dbt").symlink_to(parsed)
        make_lake(LakeConfig.of(home.settings)).close()
        stack.callback(home.close)
        return home

    return make
