"""Homes in which things go wrong, looked at as the alerting does."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from dagster import DagsterInstance
from tests.alerting.sick import Sick
from tests.orchestration.conftest import _forget, instance
from tests.support.parsed import parsed
from tests.support.runs.fixtures import new_home, new_module_home
from tests.support.runs.home import NewHome, TemporaryHome
from tests.support.runs.today import ZONE, days_ago
from tests.support.runs.watched import Watched

__all__ = ["instance", "new_home", "new_module_home", "parsed"]


@pytest.fixture(scope="module")
def module_home(new_module_home: NewHome) -> TemporaryHome:
    return new_module_home(start_date=days_ago(250), timezone=ZONE, look_back_days=2)


@pytest.fixture
def sick(module_home: TemporaryHome, instance: DagsterInstance) -> Sick:
    """A home in which nothing happened yet."""
    shutil.rmtree(Path(module_home.settings.landing), ignore_errors=True)
    with module_home.home.lake() as lake:
        lake.unit_of_work(_forget)
    made = Sick(Watched(module_home, instance))
    made.promise(None)
    return made
