"""Commands start at once: none waits for an import that it does not need."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.support.runs.home import FIRST_DAY, NewHome, TemporaryHome

from tidegate.window import ONE_DAY

COMMAND = """
import sys
from tidegate.cli import main
try:
    main()
finally:
    heavy = {"dagster", "dbt", "pandas", "numpy", "sqlalchemy", "boto3", "matplotlib", "httpx"}
    heavy |= {"fastavro", "tidegate.intake.files.readers"}
    if "--help" in sys.argv:
        heavy |= {"duckdb", "pydantic_settings", "rich.progress", "tidegate.contract.model", "tidegate.settings"}
    print("imported:", sorted(heavy & set(sys.modules)), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def home(new_module_home: NewHome) -> TemporaryHome:
    """A home with contracts that were read and a project that was parsed."""
    home = new_module_home()
    assert home.home.cadences
    home.home.dbt.logic()
    return home


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["run", "--help"],
        ["quarantine", "--help"],
        ["query", "from ops.deliveries"],
        ["status"],
        ["incidents", "list"],
        ["publications", "--partition", "2024-03-01"],
        ["quarantine", "list"],
        ["quarantine", "show", "--source", "orders", "--partition", "2024-03-01"],
    ],
    ids=" ".join,
)
def test_a_command_that_reads_imports_neither_dagster_nor_dbt_nor_pandas(home: TemporaryHome, words: list[str]) -> None:
    done = _execute(home, words)
    assert _imported(done) == "imported: []"
    assert done.returncode == (1 if words[0] == "publications" else 0), done.stderr


@pytest.mark.slow
def test_a_run_of_a_project_that_was_run_before_imports_neither_dbt_nor_pandas(home: TemporaryHome) -> None:
    day = FIRST_DAY + ONE_DAY
    home.landing.day(day)
    words = ["run", "--partition", str(day)]
    assert _execute(home, words).returncode == 0
    again = _execute(home, words)
    assert again.returncode == 0, again.stdout
    assert {"dbt", "pandas"}.isdisjoint(_imported(again).split("'"))


def _execute(home: TemporaryHome, words: list[str]) -> subprocess.CompletedProcess[str]:
    # A project that reads it is parsed once for a process that has it, and once for this one, which does not.
    environment = {name: value for name, value in home.environment.items() if name != "TIDEGATE_TIMEZONE"}
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *words], env=environment, capture_output=True, text=True, check=False
    )


def _imported(done: subprocess.CompletedProcess[str]) -> str:
    *_, imported = done.stderr.splitlines()
    return imported
