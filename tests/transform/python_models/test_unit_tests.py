"""A unit test of a model in Python is written as one of SQL, and says which rows differ."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tidegate.errors import TidegateError
from tidegate.settings import CHECKOUT, load_settings
from tidegate.transform.parsed.project import DbtProject
from tidegate.transform.python_models.unit_tests import run_unit_tests

PROJECT = CHECKOUT / "dbt_project"


@pytest.fixture
def manifest(tmp_path: Path) -> dict[str, Any]:
    whole = DbtProject(load_settings(home=tmp_path / "home")).manifest()
    return {**whole, "disabled": copy.deepcopy(whole["disabled"])}


def unit_test(manifest: dict[str, Any]) -> dict[str, Any]:
    ((test,),) = manifest["disabled"].values()
    found: dict[str, Any] = test
    return found


def test_the_demos_unit_tests_pass(manifest: dict[str, Any]) -> None:
    assert [(each.model, each.trouble) for each in run_unit_tests(manifest, PROJECT)] == [("daily_demand_forecast", "")]


def test_rows_that_differ_are_shown(manifest: dict[str, Any]) -> None:
    row = {"forecast_date": "2024-02-12", "method": "mean_of_weekday", "forecast_units": 1}
    unit_test(manifest)["expect"] = {"format": "dict", "rows": [row]}
    (result,) = run_unit_tests(manifest, PROJECT)
    assert "it makes (forecast_date=2024-02-12, method=mean_of_weekday, forecast_units=11.67), (" in result.trouble
    assert result.trouble.endswith(
        "It does not make (forecast_date=2024-02-12, method=mean_of_weekday, forecast_units=1.00), which is."
    )


def test_a_model_that_fails_fails_its_unit_test(manifest: dict[str, Any]) -> None:
    given = unit_test(manifest)["given"]
    given[1]["rows"].append(given[1]["rows"][0])
    (result,) = run_unit_tests(manifest, PROJECT)
    assert "over 2024-02-12 failed in line" in result.trouble and "duplicate entries" in result.trouble


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"overrides": {"vars": {}}}, "does not say which days it makes"),
        (
            {"given": [{"input": "daily_sales", "rows": [], "format": "dict"}]},
            r"its input daily_sales is neither ref\(",
        ),
        ({"given": [{"input": "ref('daily_sales')", "rows": "a", "format": "csv"}]}, "its rows are csv"),
        (
            {"given": [{"input": "ref('daily_sales')", "rows": [{"day": 1}], "format": "dict"}]},
            "its rows have day, which is no column there",
        ),
    ],
)
def test_a_unit_test_that_cannot_be_read_is_refused(
    manifest: dict[str, Any], changed: dict[str, Any], sentence: str
) -> None:
    unit_test(manifest).update(changed)
    with pytest.raises(TidegateError, match=f"a_weekday_is_like.*{sentence}"):
        run_unit_tests(manifest, PROJECT)


def test_one_that_dbt_would_run_is_refused(manifest: dict[str, Any]) -> None:
    with pytest.raises(TidegateError, match=r"dbt would run it.*enabled: false"):
        run_unit_tests({**manifest, "unit_tests": {"one": unit_test(manifest)}}, PROJECT)
