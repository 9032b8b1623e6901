"""What every test relies on: an environment that says nothing of Tidegate but what the test says itself, and servers.

Fixtures of one package live in the conftest beside its tests.
"""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

# Tests import what they share by the name that mypy knows it by, `tests.support.runs.home`.
sys.path.insert(0, str(Path(__file__).parents[1]))

# Before any test module is imported: what its tests say of Hypothesis builds on the profile that this loads.
import tests.support.examples  # noqa: F401
from dbt_common.tests import enable_test_caching
from tests.support.parsed import parsed_by_tests
from tests.support.s3_server import Bucket, S3Server
from tests.support.s3_server import s3_server as start_s3_server
from tests.support.servers import PostgresAddress, postgres, postgres_database

from tidegate.machine.garbage import collect_seldom

# As in every process of the platform, but from the start: before the tests are collected, which takes 2 s of 10 less.
collect_seldom()

# dbt's own switch for tests: what it made of the text of a macro is kept. Most of a parse goes into the macros that dbt
# brings along, so all but a process's first take 0.4 s of CPU instead of 1.6.
enable_test_caching()

# What Tidegate, and the libraries it stands on, would read. Without compiled modules every new process takes
# seconds longer to import them.
READ_BY_TIDEGATE = (
    *("TIDEGATE_", "DAGSTER_", "DBT_", "PG", "PYTHONDONTWRITEBYTECODE"),
    *("AWS_", "AZURE_", "AZURITE_", "GOOGLE_"),
)

# A file goes to one worker whole, so a long one that began last would leave the other core idle. These take more than
# about 20 s of CPU, or wait as long for daemons, in `make test` or in what `make test-all` adds; all others follow in
# their own order. What waits stands beside what works.
LONGEST_FIRST = (
    "docs/test_commands.py",
    "e2e/cluster/test_machines.py",
    "changes/test_changing.py",
    "e2e/test_ui_dev.py",
    "e2e/test_online_retail.py",
    "changes/test_contracts.py",
    "docs/test_tour.py",
    "e2e/test_breaker.py",
    "e2e/test_unattended.py",
    "backup/test_backup.py",
    "e2e/test_own_project.py",
    "e2e/test_crash.py",
    "e2e/test_weekly.py",
    "e2e/cluster/test_pods.py",
    "e2e/test_spark.py",
    "changes/proposal/test_check.py",
    "e2e/test_three_homes.py",
    "e2e/test_products.py",
    "cli/test_tour.py",
    "e2e/test_any_order.py",
    "changes/test_commands.py",
    "orchestration/test_unattended.py",
    "e2e/test_any_change.py",
    "e2e/test_added_source.py",
    "e2e/test_forked_runs.py",
    "e2e/test_two_writers.py",
    "orchestration/test_repairing.py",
    "e2e/test_ui_python_model.py",
    "e2e/test_gate.py",
    "e2e/test_time_zones.py",
    "e2e/test_alerting.py",
    "e2e/test_restored.py",
    "e2e/test_rollback.py",
    "e2e/test_no_secret.py",
    "e2e/test_trouble_told.py",
    "intake/cases/test_cases.py",
    "outputs/pages/test_browser.py",
    "publishing/test_rollback.py",
    "outputs/test_exports.py",
    "lake/test_postgres.py",
    "transform/test_build.py",
    "transform/test_undeclared.py",
    "orchestration/instance/test_upgrading.py",
    "orchestration/instance/test_retention.py",
    "sources/http/test_memory.py",
    "intake/files/test_soup.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    tests = Path(__file__).parent
    rank = {tests / file: place for place, file in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


@pytest.fixture(autouse=True, scope="session")
def nobody_elses_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test, and no process that one starts, sees the settings of whoever runs the tests. All find what any of them
    parsed."""
    with pytest.MonkeyPatch.context() as patch:
        for name in _read_by_tidegate():
            patch.delenv(name)
        patch.setenv("TIDEGATE_PARSED", str(parsed_by_tests(tmp_path_factory)))
        yield


@pytest.fixture(autouse=True)
def environment_as_before() -> Iterator[None]:
    """A run points its process at its home (DAGSTER_HOME); the next test must not find it there."""
    before = _read_by_tidegate()
    yield
    for name in _read_by_tidegate():
        del os.environ[name]
    os.environ.update(before)


def _read_by_tidegate() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(READ_BY_TIDEGATE)}


@pytest.fixture(scope="session")
def postgres_address() -> Iterator[PostgresAddress]:
    """A server where databases and users may be created."""
    with postgres() as address:
        yield address


@pytest.fixture
def database(postgres_address: PostgresAddress) -> Iterator[str]:
    """libpq settings of a database of this test's own."""
    with postgres_database(postgres_address) as settings:
        yield settings


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server, for all tests of this process."""
    with start_s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def bucket(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A bucket of this test's own; the environment names its server, as for any AWS tool."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    bucket = Bucket(s3_server, f"bucket-{uuid.uuid4().hex[:12]}")
    bucket.client.create_bucket(Bucket=bucket.name)
    return bucket
