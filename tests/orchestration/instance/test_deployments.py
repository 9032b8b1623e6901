"""What `tidegate init` writes for a deployment to many machines, what it needs for that, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from tidegate.errors import TidegateError
from tidegate.orchestration.instance.dagster_home import (
    embedded_config,
    instance_config,
    refuse_unusable,
    write_config,
)
from tidegate.settings import Settings, load_settings

SHARED = {
    "lake_catalog": "postgres:host=db dbname=lake user=tidegate",
    "dagster_database": "postgres:host=db dbname=dagster user=tidegate",
    "landing": "s3://b/landing",
    "archive": "s3://b/archive",
    "outputs": "s3://b/outputs",
    "lake_data": "s3://b/lake",
    "step_logs": "s3://b/logs/of steps",
    "code_server": "head:4266",
    "workers": 3,
}


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("REDIS_URL", "redis://:s3cret@broker:6379/0")
    return load_settings(home=tmp_path / "home", deployment="celery", **SHARED)


def test_a_deployment_without_what_machines_share_says_all_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    with pytest.raises(ValidationError) as refused:
        load_settings(deployment="celery", landing="s3://b/landing", code_server="head")
    said = str(refused.value)

    for name in ("LAKE_CATALOG", "LAKE_DATA", "ARCHIVE", "OUTPUTS", "STEP_LOGS", "DAGSTER_DATABASE", "CODE_SERVER"):
        assert f"TIDEGATE_{name}" in said
    assert "REDIS_URL in the environment" in said
    assert "TIDEGATE_LANDING" not in said


@pytest.mark.parametrize("address", ["head", "head:", ":4266", "head:0", "head:4266/x", "http://head:4266"])
def test_a_code_server_that_is_no_address_is_refused(address: str, shared: Settings, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="TIDEGATE_CODE_SERVER"):
        load_settings(home=tmp_path, deployment="celery", **{**SHARED, "code_server": address})


def test_no_secret_is_in_what_is_written(shared: Settings) -> None:
    text = yaml.safe_dump(instance_config(shared))

    assert "s3cret" not in text
    assert yaml.safe_load(text)["run_launcher"]["config"] == {
        "broker": {"env": "REDIS_URL"},
        "backend": {"env": "REDIS_URL"},
    }
    assert yaml.safe_load(text)["concurrency"]["runs"] == {"max_concurrent_runs": 3}


def test_a_password_in_the_databases_address_is_refused_and_not_repeated(shared: Settings) -> None:
    said = shared.model_copy(update={"dagster_database": "postgres:host=db dbname=d password=hunter2"})
    with pytest.raises(TidegateError, match="PGPASSWORD") as refused:
        instance_config(said)

    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("host=db dbname='a b' user=u", "postgresql+psycopg2:///a%20b?"),
        ("postgresql://u@db/dagster", "postgresql+psycopg2:///dagster?"),
    ],
)
def test_the_databases_address_is_sqlalchemys(shared: Settings, given: str, url: str) -> None:
    config = instance_config(shared.model_copy(update={"dagster_database": f"postgres:{given}"}))
    storage = config["storage"]

    assert isinstance(storage, dict)
    written = storage["custom"]["config"]["postgres_url"]
    assert written.startswith(url)
    assert "host=db" in written


def test_going_to_many_machines_and_back_is_init_each_time(shared: Settings) -> None:
    alone = load_settings(home=shared.home)
    write_config(alone)
    config = shared.dagster_home / "dagster.yaml"
    of_one_machine = config.read_text()

    with pytest.raises(TidegateError, match="is for local"):
        refuse_unusable(shared)
    write_config(shared)
    refuse_unusable(shared)
    with pytest.raises(TidegateError, match="is for celery"):
        refuse_unusable(alone)

    write_config(alone)
    assert config.read_text() == of_one_machine


def test_what_an_older_version_wrote_follows_the_settings_and_what_a_person_changed_does_not(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path / "home")
    config = settings.dagster_home / "dagster.yaml"
    config.parent.mkdir(parents=True)
    older = yaml.safe_dump(embedded_config(settings), sort_keys=False)

    config.write_text(older)
    write_config(settings)
    signed = config.read_text()
    assert signed != older

    changed = signed.replace("max_concurrent_runs: 2", "max_concurrent_runs: 5")
    config.write_text(changed)
    write_config(settings.model_copy(update={"run_limit_minutes": 1}))
    assert config.read_text() == changed

    config.write_text(signed)
    write_config(settings.model_copy(update={"run_limit_minutes": 1}))
    assert "max_runtime_seconds: 60" in config.read_text()
