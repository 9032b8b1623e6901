"""The unit tests of a project's models, of SQL and of Python, in a lake of their own."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.runs.home import settings_of

from tidegate.home import Home
from tidegate.settings import CHECKOUT
from tidegate.transform.unit_tests import failed_unit_tests

MODELS = ["daily_sales", "daily_demand_forecast"]


def test_a_changed_formula_fails_the_unit_test_of_its_model_and_no_other(tmp_path: Path) -> None:
    project = shutil.copytree(CHECKOUT / "dbt_project", tmp_path / "project")
    model = project / "models" / "marts" / "daily_sales.sql"
    model.write_text(model.read_text().replace("measured.guest_orders, 0)", "measured.guest_orders, 1)"))
    home = Home(settings_of(tmp_path / "home", dbt_project=project, contracts=CHECKOUT / "contracts"))

    (failed,) = failed_unit_tests(home.settings, home.dbt, home.graph, MODELS)

    assert failed.startswith("daily_sales: the unit test days_are_measured failed: actual differs from expected")
    assert failed_unit_tests(home.settings, home.dbt, home.graph, ["daily_sales_by_region"]) == []
    # Nothing is left of it, and the home has no lake.
    assert sorted(path.name for path in home.settings.home.iterdir()) == ["scratch"]
    assert not list(home.settings.scratch.glob("unit-tests-*"))
