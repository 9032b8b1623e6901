"""The revision that a proposed change is to go into, as git has it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.git import commit_all, git
from tests.support.runs.home import settings_of

from tidegate.changes.proposal.contract_files import ContractFiles, compare_contracts
from tidegate.changes.proposal.revision import take_out
from tidegate.errors import TidegateError
from tidegate.settings import Settings


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    for name, text in {
        "dbt_project/dbt_project.yml": "name: shop",
        "dbt_project/models/sales.sql": "select 1",
        "dbt_project/packages.yml": "packages: [{local: ../dates}]",
        "contracts/orders.odcs.yaml": "version: 1.0.0",
        "contracts/payments.odcs.yaml": "version: 1.0.0",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    commit_all(folder)
    return folder


def settings(repository: Path, home: Path) -> Settings:
    return settings_of(home, dbt_project=repository / "dbt_project", contracts=repository / "contracts")


def test_it_is_what_was_committed_and_the_repository_stays_as_it_is(repository: Path, tmp_path: Path) -> None:
    (repository / "dbt_project/models/sales.sql").write_text("select 2")
    (repository / "dbt_project/dbt_packages/dates").mkdir(parents=True)
    (repository / "contracts/orders.odcs.yaml").write_text("version: 2.0.0")
    (repository / "contracts/payments.odcs.yaml").unlink()
    (repository / "contracts/returns.odcs.yaml").touch()
    before = git(repository, "status", "--porcelain"), sorted((repository / ".git").rglob("*"))

    base = take_out(settings(repository, tmp_path / "home"), "HEAD", tmp_path / "base")

    assert (base.dbt_project / "models/sales.sql").read_text() == "select 1"
    assert (base.dbt_project / "dbt_packages/dates").is_dir()
    assert str(base) == f"HEAD ({git(repository, 'rev-parse', '--short=12', 'HEAD')})"
    assert compare_contracts(base.contracts, repository / "contracts") == ContractFiles(
        changed=["orders.odcs.yaml"], added=["returns.odcs.yaml"], removed=["payments.odcs.yaml"]
    )
    assert (git(repository, "status", "--porcelain"), sorted((repository / ".git").rglob("*"))) == before


def test_a_project_may_be_the_whole_repository_and_its_contracts_elsewhere(repository: Path, tmp_path: Path) -> None:
    project = repository / "dbt_project"
    commit_all(project)
    base = take_out(settings(repository, tmp_path / "home"), "HEAD", tmp_path / "base")
    assert (base.dbt_project / "models/sales.sql").read_text() == "select 1"
    assert base.contracts == repository / "contracts"


@pytest.mark.parametrize("name", ["nowhere", "--output=x", "HEAD~1"])
def test_a_revision_that_is_not_there_is_refused(repository: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(TidegateError, match=f"has no revision {name}. Nothing was changed"):
        take_out(settings(repository, tmp_path / "home"), name, tmp_path / "base")


def test_one_without_the_project_is_refused(repository: Path, tmp_path: Path) -> None:
    git(repository, "mv", "dbt_project", "project")
    commit_all(repository)
    moved = settings_of(tmp_path / "home", dbt_project=repository / "project", contracts=repository / "contracts")
    with pytest.raises(TidegateError, match="HEAD~1 does not have project"):
        take_out(moved, "HEAD~1", tmp_path / "base")


def test_a_project_outside_of_git_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dbt_project").mkdir()
    outside = settings_of(tmp_path / "home", dbt_project=tmp_path / "dbt_project")
    with pytest.raises(TidegateError, match="is in no git repository"):
        take_out(outside, "HEAD", tmp_path / "base")
