"""docs/dbt-package.md: every macro and generic test of Tidegate's dbt package, made from the descriptions beside them.

python -m tidegate.explain.macros > docs/dbt-package.md
"""

from __future__ import annotations

from typing import Any

import yaml

from tidegate.explain.markdown import code, markup, page, table
from tidegate.transform.package import DBT_PACKAGE

HOW_TO = """# The dbt package

Tidegate's macros and generic tests are a dbt package named `tidegate`, inside of the Python package, so they are
always of the version that is installed. Nothing is fetched from anywhere.

```sh
tidegate dbt-package          # where it is
tidegate dbt-package --link   # links it into the project, and writes dbt_project/macros/tidegate.sql
```

A project names it in `dbt_project/packages.yml`. dbt's own `deps` finds the package by the variable:

```yaml
packages:
  - local: "{{ env_var('TIDEGATE_DBT_PACKAGE', 'dbt_packages/tidegate') }}"
```

Whatever parses the project links it as `dbt_packages/tidegate` first, which belongs into `.gitignore`.
`dbt_project/macros/tidegate.sql` is part of the project: it has what dbt looks up in the project itself and in no
package, and each of its macros calls the package. A new version that adds to it says so in the changelog; `--link`
writes it again.

A model writes the package's name before each macro, `{{ tidegate.in_window("order_date") }}`, and so does a test,
`tidegate.unique`. The variables that macros read are given with every run; by hand, `dbt_project.yml` has them."""


def macros_page() -> str:
    described = [
        each for file in sorted(DBT_PACKAGE.rglob("macros/**/*.yml")) for each in _described(file.read_bytes())
    ]
    tests = [each for each in described if each["name"].startswith("test_")]
    for_models = [each for each in described if each not in tests and each["name"] not in _for_dbt()]
    for_dbt = [each for each in described if each["name"] in _for_dbt()]
    return page(
        HOW_TO,
        "## Macros for models",
        _listed(for_models),
        "## Generic tests",
        "`model` is given by dbt, and `column_name` to a test that is written below a column.",
        _listed(tests),
        "## What dbt calls",
        "Nobody else does.",
        _listed(for_dbt),
    )


def _for_dbt() -> frozenset[str]:
    """Those that each project hands on, and what only they use."""
    handed_on = {each["name"] for each in _described((DBT_PACKAGE / "project" / "tidegate.yml").read_bytes())}
    of_python = {each["name"] for each in _described((DBT_PACKAGE / "macros" / "python_models.yml").read_bytes())}
    return frozenset(handed_on | of_python)


def _described(text: bytes) -> list[dict[str, Any]]:
    described: list[dict[str, Any]] = yaml.safe_load(text)["macros"]
    return described


def _listed(macros: list[dict[str, Any]]) -> str:
    return table(("macro", "what it gives", "arguments"), [_row(each) for each in macros])


def _row(macro: dict[str, Any]) -> tuple[str, str, str]:
    name = macro["name"].removeprefix("test_")
    arguments = [f"{code(each['name'])}: {markup(each['description'])}" for each in macro.get("arguments", ())]
    return code(f"tidegate.{name}"), markup(macro["description"]), "<br>".join(arguments)


if __name__ == "__main__":
    print(macros_page(), end="")
