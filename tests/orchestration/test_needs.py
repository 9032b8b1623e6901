"""A source's or product's needs reach its runs as tags that the launchers read."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from dagster_k8s.job import get_user_defined_k8s_config
from tests.support.runs.home import CONTRACTS

from tidegate.contract.reading.odcs import load_contract
from tidegate.deployment import NEEDS
from tidegate.errors import TidegateError
from tidegate.needs import Needs
from tidegate.orchestration.instance.dagster_home import instance_config
from tidegate.orchestration.names import POD_TAG, QUEUE_TAG
from tidegate.orchestration.needs import tags_of_job
from tidegate.settings import Settings, load_settings

SHARED = {
    "lake_catalog": "postgres:host=db dbname=lake",
    "dagster_database": "postgres:host=db dbname=dagster",
    **{name: f"s3://b/{name}" for name in ("landing", "archive", "outputs", "lake_data", "step_logs")},
    "code_server": "head:4266",
    "workers": 4,
}
LARGE = Needs(cpu=Decimal("1.5"), memory=4096, image="shop:2", queue="large")


@pytest.fixture(autouse=True)
def of_deployments(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*NEEDS["celery"], *NEEDS["kubernetes"]):
        monkeypatch.setenv(name, "x")


def settings_of(home: Path, deployment: str, **given: object) -> Settings:
    return load_settings(home=home, **{**(SHARED if deployment != "local" else {}), "deployment": deployment, **given})


def tags(settings: Settings, needs: Needs) -> dict[str, str]:
    contract = load_contract(CONTRACTS / "orders.odcs.yaml")
    return tags_of_job(settings, "load_orders", [replace(contract, needs=needs)])


def test_on_one_machine_they_say_nothing(tmp_path: Path) -> None:
    assert tags(settings_of(tmp_path, "local"), LARGE) == {}


def test_a_pod_has_its_cores_memory_and_image_and_makes_use_of_them(tmp_path: Path) -> None:
    found = tags(settings_of(tmp_path, "kubernetes"), LARGE)
    assert found.keys() == {POD_TAG}
    # As dagster-k8s reads it, which refuses what Kubernetes does not know.
    container = get_user_defined_k8s_config(found).container_config
    assert container["image"] == "shop:2"
    assert container["resources"] == {"requests": {"cpu": "1.5", "memory": "4096Mi"}, "limits": {"memory": "4096Mi"}}
    assert {each["name"]: each["value"] for each in container["env"]} == {
        "TIDEGATE_MEMORY_LIMIT": "2457MiB",
        "TIDEGATE_THREADS": "2",
    }
    assert tags(settings_of(tmp_path, "kubernetes"), Needs()) == {}


def test_a_queue_is_taken_by_the_launcher_and_counted_by_the_daemon(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "celery", queues="large=1")
    assert tags(settings, LARGE) == {QUEUE_TAG: "large"}
    assert tags(settings, Needs()) == {QUEUE_TAG: "dagster"}
    assert tags(settings_of(tmp_path, "celery"), Needs()) == {}

    concurrency = json.loads(json.dumps(instance_config(settings)["concurrency"]))
    limits = {each["value"]: each["limit"] for each in concurrency["runs"]["tag_concurrency_limits"]}
    assert limits == {"large": 1, "dagster": 3}
    assert {each["key"] for each in concurrency["runs"]["tag_concurrency_limits"]} == {QUEUE_TAG}


def test_a_queue_that_no_worker_takes_runs_from_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TidegateError, match="'large' of the source orders is not in TIDEGATE_QUEUES"):
        tags(settings_of(tmp_path, "celery"), LARGE)
