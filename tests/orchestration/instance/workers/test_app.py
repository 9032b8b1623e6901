"""What a worker does with a run that it is sent, but for executing it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from tidegate.orchestration.instance.code_version import difference, version_of
from tidegate.orchestration.instance.workers import app
from tidegate.settings import CHECKOUT, Settings, load_settings

SAME = "code:1 contracts:2 project:3 definitions:4"


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as opened:
        # Which the worker closes when it is done.
        monkeypatch.setattr(DagsterInstance, "get", lambda: nullcontext(opened))
        yield opened


def started(_instance: DagsterInstance, _run_id: str) -> None:
    raise AssertionError("it was executed")


@pytest.fixture(autouse=True)
def nothing_is_executed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "execute_run", started)


@pytest.mark.parametrize("part", ["contracts", "project", "code", "definitions"])
def test_a_worker_that_differs_from_the_code_server_refuses_and_says_in_what(part: str) -> None:
    other = SAME.replace(f"{part}:", f"{part}:x")
    said = app.refusal_of(other, SAME, SAME)

    assert said is not None
    assert difference(other, SAME) in said
    assert difference(other, SAME) not in ("", "nothing")
    assert "restart both" in said


def test_a_worker_whose_files_changed_since_it_started_refuses_until_it_is_restarted() -> None:
    newer = SAME.replace("contracts:2", "contracts:5")

    assert "the contracts changed since" in str(app.refusal_of(newer, SAME, newer))
    assert app.refusal_of(newer, newer, newer) is None


def test_who_says_no_version_is_not_compared() -> None:
    assert app.refusal_of(None, SAME, SAME) is None


def test_a_refused_run_ends_as_failed_with_the_reason(instance: DagsterInstance) -> None:
    run = create_run_for_test(instance, status=DagsterRunStatus.STARTING)
    app.execute(run.run_id, "code:of-another-version")
    now = instance.get_run_by_id(run.run_id)

    assert now is not None
    assert now.status is DagsterRunStatus.FAILURE
    assert "differ in" in str(instance.all_logs(run.run_id)[-1].message)


@pytest.mark.parametrize(
    "status",
    [DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELING, DagsterRunStatus.CANCELED, DagsterRunStatus.STARTED],
)
def test_a_run_that_ended_while_it_waited_or_that_another_has_is_not_executed(
    instance: DagsterInstance, status: DagsterRunStatus
) -> None:
    run = create_run_for_test(instance, status=status)
    app.execute(run.run_id, None)
    now = instance.get_run_by_id(run.run_id)

    assert now is not None
    assert now.status is status
    app.execute("a run that was deleted", None)


def settings_in(folder: Path) -> Settings:
    shutil.copytree(CHECKOUT / "contracts", folder / "contracts")
    shutil.copytree(CHECKOUT / "dbt_project", folder / "dbt", symlinks=True)
    return load_settings(home=folder / "home", contracts=folder / "contracts", dbt_project=folder / "dbt")


def test_the_same_files_in_other_places_are_one_version_and_every_change_is_another(tmp_path: Path) -> None:
    here, there = settings_in(tmp_path / "a"), settings_in(tmp_path / "b")
    before = version_of(here)
    assert version_of(there) == before

    (there.contracts / "orders.odcs.yaml").write_bytes((here.contracts / "orders.odcs.yaml").read_bytes() + b"\n")
    assert difference(before, version_of(there)) == "the contracts"
    (there.dbt_project / "models" / "new.sql").write_text("select 1")
    assert difference(before, version_of(there)) == "the contracts and the dbt project"
