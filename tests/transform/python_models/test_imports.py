"""pandas, which takes a second to import, is imported only where a model in Python runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.python_models import PROJECTS, project_with

BUILD_A_DAY = """
import datetime as dt
import sys
from tidegate.cli.app import app
from tidegate.lake.config import LakeConfig
from tidegate.ledger.upkeep.opening import make_lake
from tidegate.settings import load_settings
from tidegate.transform.parsed.project import DbtProject
from tidegate.transform.build import build_window
from tidegate.window import Window

settings = load_settings()
with make_lake(LakeConfig.of(settings)) as lake:
    lake.con.execute("create table raw.visits as select date '2024-01-02' as _delivered_on, 1 as visitors")
    result = build_window(DbtProject(settings), lake, Window.of_day(dt.date(2024, 1, 2)), run_id="test")
    assert [model.status for model in result.models.values()] == ["success"] * len(result.models), result
app(["query", "from marts.daily_visits", "--format", "csv"], standalone_mode=False)
app(["status"], standalone_mode=False)
print(sorted({"pandas", "polars", "pyarrow"} & set(sys.modules)))
"""
DOUBLED = """
def model(dbt, session):
    return dbt.ref("daily_visits").df()
"""
YAML = """
  - name: doubled
    config: {materialized: incremental, meta: {tidegate: {day: visit_date}}}
    columns: [{name: visit_date, data_type: date}, {name: visitors, data_type: bigint}]
"""


@pytest.mark.slow
@pytest.mark.parametrize("in_python", [False, True])
def test_what_runs_no_model_in_python_does_not_import_pandas(tmp_path: Path, in_python: bool) -> None:
    project = project_with(tmp_path / "project", *(({"doubled.py": DOUBLED}, YAML) if in_python else ({}, "")))
    settings = {"HOME": tmp_path / "home", "DBT_PROJECT": project, "CONTRACTS": PROJECTS / "contracts"}
    (tmp_path / "home" / "scratch").mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-c", BUILD_A_DAY],
        env={**os.environ, **{f"TIDEGATE_{name}": str(value) for name, value in settings.items()}},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "2024-01-02,1" in done.stdout
    assert ("pandas" in done.stdout.splitlines()[-1]) is in_python
