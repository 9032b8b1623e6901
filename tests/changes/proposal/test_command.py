"""`tidegate ci` as a pipeline types it, without a lake: on the demo's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.git import commit_all, git
from tests.support.runs.home import TemporaryHome, settings_of

from tidegate.settings import CHECKOUT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def proposal(tmp_path: Path) -> TemporaryHome:
    """A repository with the demo's project and contracts, and a home that is not there."""
    repository = tmp_path / "repository"
    for name in ("dbt_project", "contracts"):
        unwanted = shutil.ignore_patterns("target", "logs")
        shutil.copytree(CHECKOUT / name, repository / name, ignore=unwanted)
    commit_all(repository)
    return TemporaryHome(
        settings_of(
            tmp_path / "home",
            dbt_project=repository / "dbt_project",
            contracts=repository / "contracts",
            start_date="2024-01-01",
        )
    )


def ci(proposal: TemporaryHome, temporary: Path, *words: str) -> tuple[int, str, str]:
    """The exit code, what was printed, and what was said beside it. Nothing is left of the throwaway home."""
    temporary.mkdir(exist_ok=True)
    values = {f"TIDEGATE_{name.upper()}": str(value) for name, value in proposal.settings.model_dump().items()}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("tidegate")), "ci", *words],
        env={**os.environ, **values, "TMPDIR": str(temporary)},
        text=True,
        capture_output=True,
        check=False,
    )
    assert list(temporary.iterdir()) == [] and not proposal.settings.home.exists()
    return done.returncode, done.stdout, done.stderr


def test_a_formula_that_breaks_a_reconciliation_is_refused_on_the_demos_days(
    proposal: TemporaryHome, tmp_path: Path
) -> None:
    model = proposal.settings.dbt_project / "models" / "marts" / "daily_sales.sql"
    model.write_text(model.read_text().replace("measured.net_revenue, 0)", "measured.net_revenue, 0) + 1"))
    changed = git(model.parent, "status", "--porcelain")
    report = tmp_path / "report.md"

    code, printed, said = ci(proposal, tmp_path / "tmp", "--base", "HEAD", "--days", "3", "--output", str(report))

    assert (code, printed) == (4, ""), said
    text = report.read_text()
    assert text.startswith("## This change would be refused")
    assert "of the demo's lake, as there is no other" in text
    assert "the check daily_sales_figures_add_up failed" in text
    assert "the unit test days_are_measured failed" in text
    assert "| net_revenue | 3 | +3.0000 |" in text
    # Neither git nor dbt wrote into the repository.
    assert git(model.parent, "status", "--porcelain") == changed


def test_what_cannot_be_checked_says_so_and_leaves_with_another_code(proposal: TemporaryHome, tmp_path: Path) -> None:
    code, printed, said = ci(proposal, tmp_path / "tmp", "--base", "HEAD~9")
    assert (code, printed) == (1, "")
    assert "has no revision HEAD~9. Nothing was changed." in " ".join(said.split())
    code, _, said = ci(
        proposal, tmp_path / "tmp", "--base", "HEAD", "--output", str(tmp_path / "nowhere" / "report.md")
    )
    assert (code, "Nothing was checked or changed." in " ".join(said.split())) == (1, True)
