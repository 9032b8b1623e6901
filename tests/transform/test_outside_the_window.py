"""A model gives rows of its window and no others: another day's would be there twice after a second run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.support.dbt_package import use_package
from tests.support.lake.copied import new_lake
from tests.support.orders import day

from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.settings import CHECKOUT, Settings, load_settings
from tidegate.transform.build import BuildResult, build_window
from tidegate.transform.parsed.project import DbtProject
from tidegate.window import Window

PROJECTS = CHECKOUT / "tests" / "support" / "runs" / "projects"
DAYS = Window(day(1), day(4))

# The day's name has to be quoted.
MODEL = """
{{ config(schema='marts', materialized='incremental', incremental_strategy='window_overwrite'HOOK) }}
select DAY as "the Day", 1 as n from {{ tidegate.days_of_window() }} as days where CONDITION
"""
YAML = """
models:
  - name: counted
    config:
      on_schema_change: append_new_columns
      contract: {enforced: true}
      meta: {tidegate: {day: the Day}}
    columns:
      - {name: the Day, data_type: date, quote: true}
      - {name: n, data_type: integer}
"""


@pytest.fixture(params=["", ", post_hook='select 1'"], ids=["by itself", "by dbt"])
def hook(request: pytest.FixtureRequest) -> str:
    """Tidegate makes a model by itself where it is only a statement."""
    return str(request.param)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folder = tmp_path / "dbt_project"
    shutil.copytree(PROJECTS / "minimal", folder, ignore=shutil.ignore_patterns("contracts"))
    settings = load_settings(home=tmp_path / "home", dbt_project=use_package(folder), threads=1)
    settings.scratch.mkdir(parents=True)
    return settings


def build(settings: Settings, lake: Lake, hook: str, of_day: str, condition: str = "true") -> BuildResult:
    models = settings.dbt_project / "models"
    shutil.rmtree(models)
    models.mkdir()
    text = MODEL.replace("HOOK", hook).replace("DAY", of_day).replace("CONDITION", condition)
    (models / "counted.sql").write_text(text)
    (models / "counted.yml").write_text(YAML)
    return build_window(DbtProject(settings), lake, DAYS, run_id="r")


@pytest.mark.slow
@pytest.mark.parametrize("of_day", ["date_day + 1", "nullif(date_day, date '2024-01-02')"])
def test_a_row_of_another_day_fails_its_model(settings: Settings, hook: str, of_day: str) -> None:
    """Regression: it was written, and written once more by each run."""
    with new_lake(LakeConfig.of(settings)) as lake:
        assert build(settings, lake, hook, "date_day").failed_models == ()
        before = lake.con.execute("from marts.counted order by all").fetchall()
        assert before == [(each, 1) for each in DAYS.days]
        (failed,) = build(settings, lake, hook, of_day).failed_models
        assert "a row for marts.counted lies outside of the window that is overwritten" in failed.message
        assert lake.con.execute("from marts.counted order by all").fetchall() == before


@pytest.mark.slow
def test_rows_that_a_query_leaves_out_may_be_of_any_day(settings: Settings, hook: str) -> None:
    with new_lake(LakeConfig.of(settings)) as lake:
        inside = "date_day + 1 < {{ tidegate.window_end() }}"
        assert build(settings, lake, hook, "date_day + 1", inside).failed_models == ()
        assert lake.con.execute("from marts.counted order by all").fetchall() == [(day(2), 1), (day(3), 1)]
