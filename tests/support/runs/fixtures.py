"""Homes of their own for end-to-end tests."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.support.lake.copied import put_lake
from tests.support.runs.home import NewHome, TemporaryHome, copied, settings_of

from tidegate.lake.config import LakeConfig


@pytest.fixture(scope="module")
def new_module_home(tmp_path_factory: pytest.TempPathFactory, parsed: Path) -> Iterator[NewHome]:
    """As `new_home`, for a home that several tests of a module share."""
    with ExitStack() as stack:
        yield _maker(tmp_path_factory.mktemp("homes"), parsed, stack)


@pytest.fixture
def new_home(tmp_path: Path, parsed: Path) -> Iterator[NewHome]:
    """Makes homes of their own: `new_home(start_date=...)`, with any setting by its field's name. Their dbt project is
    the checkout's without its mart of mornings, unless it is `new_home(**EVERY_CADENCE)`. `new_home(like=home)` is a
    copy of a home that was closed."""
    with ExitStack() as stack:
        yield _maker(tmp_path, parsed, stack)


@pytest.fixture
def temporary_home(new_home: NewHome) -> TemporaryHome:
    return new_home()


def _maker(folder: Path, project: Path, stack: ExitStack) -> NewHome:
    numbers = itertools.count(1)

    def make(like: TemporaryHome | None = None, **overrides: object) -> TemporaryHome:
        settings = settings_of(folder / f"home-{next(numbers)}", **{"dbt_project": project, **overrides})
        settings.scratch.mkdir(parents=True)
        home = copied(like, settings) if like else TemporaryHome(settings)
        put_lake(LakeConfig.of(settings))
        if like:
            # Its runs made one.
            home.make_instance_here()
        stack.callback(home.close)
        return home

    return make
