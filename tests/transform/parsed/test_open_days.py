"""What is known to write the window's days and to decide nothing by them, and what is not."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.settings import Settings
from tidegate.transform.parsed.graph import Graph
from tidegate.transform.parsed.open_days import only_spell_days
from tidegate.transform.parsed.project import DbtProject

DAY = "modules.datetime.date.fromisoformat(var('window_start') | string)"
MACROS = {
    "window_start": f"{{% macro window_start() %}}date '{{{{ {DAY} }}}}'{{% endmacro %}}",
    "in_window": "{% macro in_window(column) %}{{ column }} >= {{ window_start() }}{% endmacro %}",
    "given": "{% macro given() %}{{ return(var('window_end')) }}{% endmacro %}",
    "is_january": "{% macro is_january() %}{{ return(var('window_start')[5:7] == '01') }}{% endmacro %}",
    "sources": "{% macro sources() %}{{ return(var('sources')) }}{% endmacro %}",
    "test_holds": "{% test holds(model, column_name) %}from {{ model }} where {{ in_window('day') }}{% endtest %}",
}
USES = {"in_window": ["window_start"], "test_holds": ["in_window"]}


def manifest(code: str, *macros: str) -> dict[str, Any]:
    return {
        "nodes": {"model": {"raw_code": code, "depends_on": {"macros": list(macros)}}},
        "macros": {
            name: {"name": name, "macro_sql": text, "depends_on": {"macros": USES.get(name, [])}}
            for name, text in MACROS.items()
        },
    }


@pytest.mark.parametrize(
    ("code", "macros"),
    [
        ("select 1", ()),
        ("select * from x where day >= '{{ var('window_start') }}'", ()),
        ("select * from x where {{ in_window('day') }}", ("in_window",)),
        (
            "{% if true %} select {{ in_window('day') }} {% else %} {{ window_start() }} {% endif %}",
            ("in_window",),
        ),
        ("{% for x in [1, 2] %} select {{ x }} where {{ in_window('day') }} {% endfor %}", ("in_window",)),
        ("select {{ 'date ' ~ given() }}", ("given",)),
        ("{% if sources() | length > 2 %} select {{ window_start() }} {% endif %}", ("sources", "window_start")),
        ("{{ test_holds(**_dbt_generic_test_kwargs) }}", ("test_holds",)),
    ],
)
def test_what_only_writes_the_days(code: str, macros: tuple[str, ...]) -> None:
    assert only_spell_days(manifest(code, *macros), ["model"]) == {"model"}


@pytest.mark.parametrize(
    ("code", "macros"),
    [
        ("{% if var('window_start') < '2024-02-01' %} select 1 {% endif %}", ()),
        ("select {{ 1 if var('window_end')[5:7] == '01' else 2 }}", ()),
        ("{% set first = window_start() %} select {{ first }}", ("window_start",)),
        ("{% set first %}{{ window_start() }}{% endset %} select {{ first }}", ("window_start",)),
        ("select {{ window_start() | replace('-', '') }}", ("window_start",)),
        ("select {{ days_between(window_start(), given()) }}", ("window_start", "given")),
        ("{% if is_january() %} select 1 {% endif %}", ("is_january",)),
        ("{% for name in ['window_start'] %} {{ var(name)[:4] }} {% endfor %}", ()),
        ("{% if project.given() == 'x' %} select 1 {% endif %}", ("given",)),
        ("{% if adapter.dispatch('given')() == 'x' %} select 1 {% endif %}", ("given",)),
        ("{% call statement('rows') %} select {{ window_start() }} {% endcall %} select 1", ("window_start",)),
        ("select {{ window_start() ", ("window_start",)),
        ("{% if builtins.var('window_start')[5:7] == '01' %} select 1 {% endif %}", ()),
        ("{% set ask = var %} {% if ask('window_start') < '2024' %} select 1 {% endif %}", ()),
        ("{% set start = window_start %} {% if start() < '2024' %} select 1 {% endif %}", ("window_start",)),
        ("{% set names = ['window_end'] %} select {{ var(names[0])[:4] }}", ()),
    ],
)
def test_what_may_decide_by_the_days(code: str, macros: tuple[str, ...]) -> None:
    assert only_spell_days(manifest(code, *macros), ["model"]) == frozenset()


def test_every_statement_of_the_demo_only_writes_the_days(settings: Settings) -> None:
    content = DbtProject(settings).manifest()
    graph = Graph(content)
    statements = [model.unique_id for model in graph.models.values() if not model.in_python] + list(graph.tests)
    assert only_spell_days(content, statements) == set(statements)
