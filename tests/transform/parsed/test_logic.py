"""The logic of models: what changes it, for which models, and what does not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tidegate.transform.parsed.logic import logic_of

STAGED = """-- Orders, as delivered.
select order_id, amount
from {{ source("raw", "orders") }}
where {{ arrived_in_time("orders") }}
"""


def node(name: str, code: str, *parents: str, macros: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    return {
        "alias": name,
        "resource_type": "model",
        "language": "sql",
        "raw_code": code,
        "columns": {"amount": {"data_type": "decimal(18,4)"}},
        "config": {"materialized": "incremental", "meta": {"tidegate": {"day": "order_date"}}},
        "depends_on": {"nodes": list(parents), "macros": list(macros)},
        "checksum": {"name": "sha256", "checksum": "whatever"},
        **fields,
    }


def macro(code: str, *calls: str, package: str = "shop") -> dict[str, Any]:
    return {"macro_sql": code, "package_name": package, "depends_on": {"macros": list(calls)}}


def manifest() -> dict[str, Any]:
    return {
        "nodes": {
            "staged": node("staged", STAGED, "source.shop.raw.orders", macros=("arrived",)),
            "mart": node("mart", "select sum(amount) from {{ ref('staged') }} where kind = 'Sale'", "staged", "codes"),
            "other": node("other", "select {{ var('rate') }} as rate", "source.shop.raw.rates"),
            "codes": node("codes", "", resource_type="seed", columns={}),
            "test": {"resource_type": "test"},
        },
        "macros": {
            "arrived": macro("{% macro arrived_in_time(s) %}{{ lateness(s) }}{% endmacro %}", "lateness", "dbt"),
            "lateness": macro("{% macro lateness(s) %}{{ var('allowed_lateness_days')[s] }}{% endmacro %}"),
            "dbt": macro("{% macro ref() %}{% endmacro %}", package="dbt"),
        },
    }


GIVEN = {"rate": 2, "window_start": "2024-01-01", "allowed_lateness_days": {"orders": 3, "rates": 1}}


def changed(change: Callable[[dict[str, Any], dict[str, Any]], None]) -> set[str]:
    """The models whose logic is another one after a change of the manifest or of the variables."""
    after, given = manifest(), copy.deepcopy(GIVEN)
    change(after, given)
    was, now = logic_of(manifest(), GIVEN), logic_of(after, given)
    return {name for name in now if now[name] != was[name]}


def code(name: str, old: str, new: str) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    def change(manifest: dict[str, Any], _: dict[str, Any]) -> None:
        assert old in manifest["nodes"][name]["raw_code"]
        manifest["nodes"][name]["raw_code"] = manifest["nodes"][name]["raw_code"].replace(old, new)

    return change


@pytest.mark.parametrize(
    "change",
    [
        code("staged", "-- Orders, as delivered.\n", ""),
        code("staged", "select order_id, amount", "SELECT\n    order_id,\n    amount -- in euros\n"),
        code("staged", "where", "{# only those that came #} WHERE"),
        lambda manifest, _: manifest["macros"]["dbt"].update(macro_sql="another version of dbt"),
        lambda manifest, _: manifest["nodes"]["mart"].update(description="in other words"),
        lambda _, given: given.update(window_start="2025-01-01", unread=1),
    ],
    ids=["comment", "layout", "comment of Jinja", "dbt itself", "description", "variables that it does not read"],
)
def test_what_changes_no_result_changes_no_logic(change: Callable[[dict[str, Any], dict[str, Any]], None]) -> None:
    assert changed(change) == set()


@pytest.mark.parametrize(
    ("change", "models"),
    [
        (code("staged", "amount", "amount * 2 as amount"), {"staged", "mart"}),
        (code("mart", "'Sale'", "'sale'"), {"mart"}),
        (lambda manifest, _: manifest["macros"]["lateness"].update(macro_sql="{{ 7 }}"), {"staged", "mart"}),
        (lambda manifest, _: manifest["nodes"]["mart"]["columns"].update(n={"data_type": "bigint"}), {"mart"}),
        (
            lambda manifest, _: manifest["nodes"]["codes"].update(checksum={"name": "sha256", "checksum": "new"}),
            {"codes", "mart"},
        ),
        (lambda _, given: given.update(rate=3), {"other"}),
        (lambda _, given: given["allowed_lateness_days"].update(orders=5), {"staged", "mart"}),
        (lambda _, given: given["allowed_lateness_days"].update(rates=5), set()),
    ],
    ids=["sql", "text", "macro", "column", "seed", "variable", "lateness", "lateness of another source"],
)
def test_what_changes_a_result_changes_the_logic_of_whatever_reads_it(
    change: Callable[[dict[str, Any], dict[str, Any]], None], models: set[str]
) -> None:
    assert changed(change) == models


def test_comments_and_docstrings_of_a_python_model_do_not_count() -> None:
    def of(text: str) -> str:
        return logic_of({"nodes": {"m": node("m", text, language="python")}, "macros": {}}, {})["m"]

    plain = of("def model(dbt, session):\n    return 1\n")
    assert of('def model(dbt, session):\n    """What it does."""\n    return 1  # one\n') == plain
    assert of("def model(dbt, session):\n    return 2\n") != plain


def test_settings_that_a_python_model_asks_for_count() -> None:
    def of(days: int) -> str:
        config = {"materialized": "incremental", "meta": {}, "config_keys_used": ["days"], "days": days}
        return logic_of({"nodes": {"m": node("m", "", language="python", config=config)}, "macros": {}}, {})["m"]

    assert of(7) != of(14)


@pytest.mark.parametrize(
    ("imports", "counts"),
    [
        ("import forecasting", {"forecasting", "numbers_of"}),
        ("from forecasting import naive", {"forecasting", "numbers_of"}),
        ("import shop.prices as prices", {"shop", "shop.prices", "shop.taxes"}),
        ("from shop import taxes", {"shop", "shop.taxes"}),
        ("import pandas", set()),
    ],
)
def test_modules_of_the_project_count_for_the_python_models_that_import_them(imports: str, counts: set[str]) -> None:
    modules = {
        "forecasting": "from numbers_of import days\n",
        "numbers_of": "def days(): return 1\n",
        "shop": "",
        "shop.prices": "from . import taxes\n",
        "shop.taxes": "RATE = 19\n",
        "other": "",
    }

    def of(modules: dict[str, str]) -> str:
        return logic_of({"nodes": {"m": node("m", imports, language="python")}, "macros": {}}, {}, modules)["m"]

    assert {name for name in modules if of({**modules, name: f"{modules[name]}ADDED = 1\n"}) != of(modules)} == counts
    assert of({name: f"# A comment.\n{text}" for name, text in modules.items()}) == of(modules)


def test_sql_that_cannot_be_told_apart_counts_as_it_stands() -> None:
    def of(text: str) -> str:
        return logic_of({"nodes": {"m": node("m", text)}, "macros": {}}, {})["m"]

    odd = "select 1 {# it's odd #} -- isn't it {{ \"it's }}"
    assert of(odd) == of(odd.replace(" 1 ", "  1\n"))
    assert of(odd) != of(odd.replace("1", "2"))
