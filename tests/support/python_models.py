"""Models in Python for tests: one on its own, from a few lines of code, and small projects that have some."""

from __future__ import annotations

import datetime as dt
import shutil
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
from tests.support.dbt_package import use_package

from tidegate.transform.python_models.model import PythonModel
from tidegate.transform.python_models.rows import Rows, read
from tidegate.transform.python_models.run import make_rows
from tidegate.window import Window

PROJECTS = Path(__file__).parent / "runs" / "projects"

DAYS = Window(dt.date(2024, 1, 2), dt.date(2024, 1, 5))


def python_model(code: str, folder: Path = Path("/project"), **facts: Any) -> PythonModel:
    """A model that promises a day, a text, a whole number and an amount, unless `facts` say otherwise."""
    promised = {"day": "date", "name": "varchar", "units": "bigint", "amount": "decimal(18, 2)"}
    own: dict[str, Any] = {
        "name": "daily_things",
        "folder": str(folder),
        "file": "models/daily_things.py",
        "code": textwrap.dedent(code),
        "day": "day",
        "columns": promised,
        "reads": {},
        "reaches_back": 0,
        "units": False,
        "config": {},
        "window": DAYS,
    }
    return PythonModel(**own | facts)


def rows_of(model: PythonModel, **given: str) -> list[tuple[Any, ...]]:
    """The rows that the model makes of these queries, in order."""
    with duckdb.connect() as con:
        rows: Mapping[str, Rows] = {name: read(con, query, units=model.units) for name, query in given.items()}
        return make_rows(con, model, rows).order("all").fetchall()


def project_with(folder: Path, models: Mapping[str, str], yaml: str) -> Path:
    """The smallest project, with these models beside `daily_visits` (visit_date, visitors)."""
    shutil.copytree(PROJECTS / "minimal", folder)
    use_package(folder)
    for name, code in models.items():
        (folder / "models" / name).write_text(textwrap.dedent(code))
    with (folder / "models" / "models.yml").open("a") as file:
        file.write(yaml)
    return folder
