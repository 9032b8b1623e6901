"""Tidegate's dbt package for the SQL linter, which knows nothing of dbt's packages: `tidegate.in_window(…)` in a model.

The linter reads this folder as its `library_path`. Macros that read what only dbt has are given as constants.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2

# Of these files, macros are SQL with other macros in it.
FILES = ("days", "duckdb", "months", "reconciliation", "versions", "weeks", "window")

CONSTANTS = {
    "window_start": "date '2024-01-02'",
    "window_end": "date '2024-01-03'",
    "first_day": "date '2024-01-01'",
    "days_reached_back": "365",
    "platform_timezone": "UTC",
    "on_spark": False,
    "offsets_of_timezone": "",
}


def _macros() -> SimpleNamespace:
    folder = Path(__file__).parents[2] / "platform" / "tidegate" / "dbt" / "macros"
    package = SimpleNamespace(**{name: lambda value=value: value for name, value in CONSTANTS.items()})
    package.allowed_lateness = lambda source: 7
    package.published = lambda mart: mart
    environment = jinja2.Environment(autoescape=False, extensions=["jinja2.ext.do"])  # noqa: S701 - SQL
    environment.globals["tidegate"] = package
    for name in FILES:
        module = environment.from_string((folder / f"{name}.sql").read_text(encoding="utf-8")).module
        vars(package).update({key: value for key, value in vars(module).items() if not key.startswith("_")})
    return package


def __getattr__(name: str) -> Any:
    return getattr(_PACKAGE, name)


_PACKAGE = _macros()
