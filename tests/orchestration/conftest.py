"""Homes whose sensors are asked by the tests: real folders, a real lake, a Dagster instance in memory."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance
from duckdb import DuckDBPyConnection
from tests.support.parsed import parsed
from tests.support.runs.fixtures import new_home, new_module_home
from tests.support.runs.home import NewHome, TemporaryHome
from tests.support.runs.today import ZONE, days_ago
from tests.support.runs.watched import Watched

from tidegate.ledger.schema import LEDGER

__all__ = ["new_home", "new_module_home", "parsed"]


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture(scope="module")
def module_home(new_module_home: NewHome) -> TemporaryHome:
    """Ten ended days, of which two are expected; a breaker that opens after two failures, for one to five minutes."""
    return new_module_home(
        start_date=days_ago(10),
        timezone=ZONE,
        look_back_days=2,
        breaker_failures=2,
        breaker_pause_seconds=60,
        breaker_longest_pause_seconds=300,
    )


@pytest.fixture
def watched(module_home: TemporaryHome, instance: DagsterInstance) -> Watched:
    """A home in which nothing happened yet. It is the module's: making one for each test takes most of its time."""
    shutil.rmtree(Path(module_home.settings.landing), ignore_errors=True)
    with module_home.home.lake() as lake:
        lake.unit_of_work(_forget)
    return Watched(module_home, instance)


def _forget(con: DuckDBPyConnection) -> None:
    for table in LEDGER.keys() - {"migrations", "kept_settings"}:
        con.execute(f"delete from ops.{table}")
