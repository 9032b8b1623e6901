"""Fixtures: the small project of `changing`, all of it published, and a copy of that home for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.runs.changing import filled_crowd, like
from tests.support.runs.home import TemporaryHome


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporaryHome]:
    home = filled_crowd(tmp_path_factory.mktemp("old"))
    yield home
    home.close()


@pytest.fixture
def crowd(old: TemporaryHome, tmp_path: Path) -> Iterator[TemporaryHome]:
    home = like(old, tmp_path / "crowd")
    yield home
    home.close()
