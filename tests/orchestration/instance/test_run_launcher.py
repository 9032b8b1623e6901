"""Which runs are forked, and when what was imported for them is old. Forked runs themselves are in `e2e`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from dagster import DagsterRun
from dagster._core.code_pointer import CodePointer, FileCodePointer, ModuleCodePointer
from dagster._core.origin import DEFAULT_DAGSTER_ENTRY_POINT, JobPythonOrigin, RepositoryPythonOrigin

from tidegate.orchestration.instance.run_launcher import may_be_forked, state_on_disk
from tidegate.orchestration.names import DAILY_JOB, DEFINITIONS
from tidegate.orchestration.private import NEEDED_BY_RUNS
from tidegate.settings import Settings, load_settings

OURS = ModuleCodePointer(DEFINITIONS, "defs")


def run_of(code: CodePointer, interpreter: str = sys.executable) -> DagsterRun:
    repository = RepositoryPythonOrigin(interpreter, code, entry_point=DEFAULT_DAGSTER_ENTRY_POINT)
    return DagsterRun(DAILY_JOB, job_code_origin=JobPythonOrigin(DAILY_JOB, repository))


@pytest.mark.parametrize(
    ("run", "launcher", "forked"),
    [
        (run_of(OURS), "forked", True),
        (run_of(OURS), "default", False),
        (run_of(OURS, "/usr/bin/another-python"), "forked", False),
        (run_of(ModuleCodePointer("another.definitions", "defs")), "forked", False),
        (run_of(FileCodePointer("definitions.py", "defs")), "forked", False),
        (DagsterRun(DAILY_JOB), "forked", False),
    ],
)
def test_only_runs_of_what_the_parent_imported_are_forked(
    tmp_path: Path, run: DagsterRun, launcher: str, forked: bool
) -> None:
    assert may_be_forked(run, load_settings(home=tmp_path, run_launcher=launcher)) is forked


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    given = load_settings(home=tmp_path / "home")
    copies = {
        name: shutil.copytree(folder, tmp_path / name, ignore=shutil.ignore_patterns("target", "logs"))
        for name, folder in {"contracts": given.contracts, "dbt_project": given.dbt_project}.items()
    }
    return load_settings(home=given.home, parsed="", **copies)


def change(path: Path) -> None:
    path.write_text(f"{path.read_text()}\n")


@pytest.mark.parametrize(
    "happens",
    [
        lambda of: change(of.contracts / "orders.odcs.yaml"),
        lambda of: (of.contracts / "orders.odcs.yaml").unlink(),
        lambda of: change(of.dbt_project / "models" / "marts" / "daily_sales.sql"),
        lambda of: (of.dbt_project / "macros" / "new.sql").touch(),
        lambda of: (of.scratch / "dbt").mkdir(parents=True),
    ],
    ids=["a contract changes", "a contract goes", "a model changes", "a macro comes", "dbt's parsed project comes"],
)
def test_what_was_imported_is_old_when_the_disk_has_something_else(
    settings: Settings, happens: Callable[[Settings], None]
) -> None:
    before = state_on_disk(settings)
    assert state_on_disk(settings) == before
    happens(settings)
    assert state_on_disk(settings) != before


def test_what_comes_into_a_folder_that_homes_share_makes_nothing_old(settings: Settings, tmp_path: Path) -> None:
    shared = settings.model_copy(update={"parsed": str(tmp_path / "shared")})
    before = state_on_disk(shared)
    (tmp_path / "shared" / "state of another").mkdir(parents=True)
    assert state_on_disk(shared) == before


def test_the_state_has_the_code_and_what_is_installed(settings: Settings) -> None:
    paths = {path for path, _, _ in state_on_disk(settings)}
    assert str(import_module("tidegate.settings").__file__) in paths
    assert str(Path(pytest.__file__).parents[1]) in paths


@pytest.mark.parametrize("module", NEEDED_BY_RUNS)
def test_what_runs_need_can_be_imported(module: str) -> None:
    assert import_module(module)
