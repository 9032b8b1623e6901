"""What is tried again and what is not, what waits for what, how long a run may take, and by when a day is expected."""

from __future__ import annotations

import datetime as dt
import errno
import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast, get_args

import dagster as dg
import duckdb
import pytest
import yaml
from dagster import DagsterInstance
from dagster._core.instance.config import PoolGranularity
from tests.support.runs.home import TemporaryHome
from tests.support.runs.today import ZONE

from tidegate.contract.database import DatabaseServer, PostgresServer
from tidegate.contract.http import HttpServer
from tidegate.contract.kafka import KafkaServer
from tidegate.contract.landing import FolderServer, S3Server, SftpServer
from tidegate.contract.model import Contract, Region, Server
from tidegate.contract.product import ProductServer
from tidegate.contract.python import PythonServer
from tidegate.contract.table import TableServer
from tidegate.errors import IncompleteError, LakeBusyError, SourceDownError, TidegateError
from tidegate.home import Home
from tidegate.needs import Needs
from tidegate.orchestration.assembly import build_definitions
from tidegate.orchestration.assets.raw import build_raw_assets
from tidegate.orchestration.assets.serving import build_serving_assets
from tidegate.orchestration.failures import as_dagster_failure
from tidegate.orchestration.instance.dagster_home import instance_config
from tidegate.orchestration.names import DAILY_JOB, MAINTENANCE_JOB, PLAN_JOB, POD_TAG, load_job
from tidegate.publishing.promises import Promise
from tidegate.settings import load_settings
from tidegate.window import Cadence

# Dagster calls checks per partition a preview.
pytestmark = pytest.mark.filterwarnings("ignore::dagster.PreviewWarning")

SERVERS: dict[str, Server] = {
    "lake": FolderServer("customers/{day}"),
    "s3": S3Server("s3://shop/customers/{day}"),
    "http": HttpServer("{base}/customers?as_of={day}", "CRM_URL", "customers"),
    "postgres": PostgresServer("SHOP", "select {start}, {end}", "select {day}"),
    "database": DatabaseServer("SHOP", "select {start}, {end}", "select {day}", kind="mysql"),
    "python": PythonServer("feeds:rows"),
    "sftp": SftpServer("sftp://shop.example/customers/{day}"),
    "table": TableServer("delta", "customers/{day}"),
    "tidegate": ProductServer("customers", "EXPORTS"),
    "kafka": KafkaServer("customers", "BROKERS"),
}


def step(retry_number: int) -> dg.AssetExecutionContext:
    return cast("dg.AssetExecutionContext", SimpleNamespace(retry_number=retry_number, run=SimpleNamespace(tags={})))


@pytest.mark.parametrize(("attempt", "wait"), [(0, 30), (1, 60), (2, 120)])
def test_a_step_waits_longer_each_time_for_a_busy_lake(attempt: int, wait: int) -> None:
    with pytest.raises(dg.RetryRequested) as raised, as_dagster_failure(step(attempt)):
        raise LakeBusyError("It is held elsewhere.")
    assert (raised.value.seconds_to_wait, raised.value.max_retries) == (wait, 3)


@pytest.mark.parametrize("error", [IncompleteError, SourceDownError, TidegateError])
def test_no_other_failure_is_tried_again_by_the_step(error: type[TidegateError]) -> None:
    with pytest.raises(dg.Failure) as raised, as_dagster_failure(step(0)):
        raise error("It is told as it is.")
    assert (raised.value.description, raised.value.allow_retries) == ("It is told as it is.", False)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "raw.parquet"), "The disk is full.*raw.parquet"),
        (OSError(errno.EFBIG, "File too large"), "reached the limit"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "is read-only"),
        # It calls that "Out of Memory", and names the disk in its second line.
        (
            duckdb.OutOfMemoryException(
                "Out of Memory Error: failed to offload data block of size 256.0 KiB (48.5 MiB/48.7 MiB used).\n"
                "This limit was set by the 'max_temp_directory_size' setting."
            ),
            "The disk is full",
        ),
        # Named like a damaged file of the lake, which it is not.
        (duckdb.IOException('Could not write file "/raw/orders/ducklake-0.parquet": No space left on device'), "full"),
        (
            duckdb.IOException('Cannot open file "/raw/orders/ducklake-0.parquet": Permission denied'),
            "This user may not",
        ),
    ],
)
def test_a_step_without_room_to_write_says_so_in_a_sentence(error: Exception, said: str) -> None:
    with pytest.raises(dg.Failure, match=said), as_dagster_failure(step(0)):
        raise error


def test_no_run_is_tried_again_by_dagster_and_none_takes_for_ever(module_home: TemporaryHome) -> None:
    for job in ("daily", "daily_build", "weekly", "daily_outputs", "weekly_outputs", "load_orders", "maintenance"):
        tags = module_home.definitions.resolve_job_def(job).tags
        assert tags["dagster/max_runtime"] == "14400"
        assert tags["dagster/retry_on_asset_or_op_failure"] == "false"


def test_the_instance_limits_runs_and_pools_and_retries_nothing(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, run_limit_minutes=10)
    settings.dagster_home.mkdir(parents=True)
    (settings.dagster_home / "dagster.yaml").write_text(yaml.safe_dump(instance_config(settings)))
    with DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        pools = instance.get_concurrency_config().pool_config
        assert (pools.default_pool_limit, pools.pool_granularity) == (1, PoolGranularity.RUN)
        assert not instance.run_retries_enabled
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_max_runtime_seconds == 600


@pytest.mark.parametrize("pool", SERVERS)
def test_each_kind_of_server_outside_has_a_pool(module_home: TemporaryHome, pool: str) -> None:
    assert build_raw_assets(module_home.home, _customers_from(module_home.home, SERVERS[pool])).op.pool == pool


def test_no_kind_of_server_is_without_one() -> None:
    assert {type(server) for server in SERVERS.values()} == set(get_args(Server))


def test_a_landing_in_s3_is_outside_too(module_home: TemporaryHome) -> None:
    home = Home(module_home.settings.model_copy(update={"landing": "s3://shop/landing"}))
    assert build_raw_assets(home, home.contracts["customers"]).op.pool == "s3"


def _customers_from(home: Home, server: Server) -> Contract:
    return replace(home.contracts["customers"], regions=(Region("crm", server),))


@pytest.mark.parametrize(
    ("times", "deadline", "hours"),
    [
        ((dt.time(6), None), "0 6 * * *", 6),
        ((dt.time(6), dt.time(7, 30)), "30 7 * * *", 7.5),
        ((dt.time(0),), "0 0 * * *", 24),
    ],
)
def test_marts_are_late_after_the_last_deadline_of_the_contracts(
    module_home: TemporaryHome, times: tuple[dt.time | None, ...], deadline: str, hours: float
) -> None:
    home = without_promises(module_home)
    for source, time in zip(home.contracts, times, strict=False):
        home.contracts[source] = replace(home.contracts[source], published_by=time)
    # It is made of both sources.
    policy = freshness(home, Cadence.daily)["daily_customers"]
    assert policy == late_after(deadline, hours)


def test_without_a_deadline_nothing_is_late(module_home: TemporaryHome) -> None:
    assert set(freshness(without_promises(module_home), Cadence.daily).values()) == {None}


def test_weekly_marts_without_a_deadline_are_late_at_noon_of_their_monday(module_home: TemporaryHome) -> None:
    policy = freshness(without_promises(module_home), Cadence.weekly)["customer_rfm"]
    assert policy == late_after("0 12 * * 1", 12)


def test_marts_are_late_after_the_deadline_of_their_product(module_home: TemporaryHome) -> None:
    policies = {mart: of for cadence in Cadence for mart, of in freshness(module_home.home, cadence).items()}
    for mart, cron, hours in (
        ("daily_sales", "0 8 * * *", 8),
        ("daily_customers", "0 9 * * *", 9),
        ("customer_rfm", "0 9 * * 1", 9),
        ("monthly_sales", "0 8 1 * *", 8),
    ):
        assert policies[mart] == late_after(cron, hours), mart


def late_after(deadline: str, hours: float) -> dg.FreshnessPolicy:
    return dg.FreshnessPolicy.cron(deadline, dt.timedelta(hours=hours), ZONE)


def without_promises(module_home: TemporaryHome) -> Home:
    """The home, had its products no deadlines."""
    home = Home(module_home.settings)
    products = {cadence: home.products_of(cadence) for cadence in Cadence}
    vars(home)["_products"] = {
        cadence: tuple(replace(product, promise=Promise()) for product in of_cadence)
        for cadence, of_cadence in products.items()
    }
    return home


def freshness(home: Home, cadence: Cadence) -> dict[str, dg.FreshnessPolicy | None]:
    """By mart, when it is late."""
    return {spec.key.path[-1]: spec.freshness_policy for spec in build_serving_assets(home, [], cadence).specs}


def test_every_job_has_what_its_sources_and_products_need(
    module_home: TemporaryHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = module_home.home
    first, *others = home.contracts.values()
    contracts = [replace(first, needs=Needs(memory=8192)), *others]
    monkeypatch.setitem(vars(home), "contracts", {each.source: each for each in contracts})
    monkeypatch.setattr(home, "settings", home.settings.model_copy(update={"deployment": "kubernetes"}))
    repository = build_definitions(home=home).get_repository_def()

    def memory(job: str) -> str | None:
        found = repository.get_job(job).tags.get(POD_TAG)
        return json.loads(found)["container_config"]["resources"]["limits"]["memory"] if found else None

    assert memory(DAILY_JOB) == memory(load_job(first.source)) == memory(PLAN_JOB) == "8192Mi"
    assert memory(MAINTENANCE_JOB) is None
    assert {memory(load_job(each.source)) for each in others} <= {None}
