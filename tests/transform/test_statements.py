"""dbt compiles a state of the project once, and what runs is what dbt would run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.lake.copied import new_lake
from tests.support.orders import day, line, marts_in, write_customers, write_orders

from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.settings import Settings
from tidegate.transform import invoke, models
from tidegate.transform.build import BuildResult, build_window
from tidegate.transform.invoke import NodeResult, compile_nodes
from tidegate.transform.parsed.graph import Graph
from tidegate.transform.parsed.project import DbtProject
from tidegate.transform.statements import Compiled, sql_of_any_window
from tidegate.transform.tables import create_missing_tables
from tidegate.window import Cadence, Window

MARTS = ("daily_customers", "daily_sales", "daily_sales_by_category", "daily_sales_by_region", "orders_daily_summary")
WINDOWS = {
    Cadence.daily: Window(day(1), day(4)),
    Cadence.morning: Window(day(1), day(2), Cadence.morning),
    Cadence.weekly: Window(day(1), day(15), Cadence.weekly),
    Cadence.monthly: Window(day(1), day(32), Cadence.monthly),
}


@pytest.mark.parametrize("cadence", list(Cadence))
def test_the_kept_text_over_a_window_is_what_dbt_compiles_for_it(
    settings: Settings, lake: Lake, cadence: Cadence
) -> None:
    project, window = DbtProject(settings), WINDOWS[cadence]
    graph = Graph(project.manifest())
    of_sql = [model for model in graph.models_of(cadence) if not model.in_python]
    create_missing_tables(lake, graph, of_sql)
    nodes: list[Compiled] = [*of_sql, *graph.tests_of(cadence)]
    expected, _ = compile_nodes(project, lake.config, [node.fqn for node in nodes], window)
    assert sql_of_any_window(project, lake.config, nodes, window) == expected


def outcome(result: BuildResult) -> dict[str, Any]:
    """What a build says, but for how long it took."""
    return {
        **{name: (model.status, model.rows) for name, model in result.models.items()},
        **{test.unique_id: (test.failures, test.message) for test in result.tests},
    }


def deliver(lake: Lake) -> None:
    """Three days, of which the second has a line without a price."""
    lines = [line(f"order-{number}", day(number)) for number in (1, 2, 3)]
    write_orders(lake, [*lines, line("late", day(1), delivered_on=day(3))])
    lake.con.execute("update raw.orders set unit_price = -1 where order_id = 'order-2'")
    write_customers(lake, {day(number): ["anna", "bert"] for number in (1, 2, 3)})


@pytest.mark.slow
def test_a_build_says_and_leaves_what_one_by_dbt_does(
    settings: Settings, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(lake)
    by_statement = build_window(DbtProject(settings), lake, WINDOWS[Cadence.daily], run_id="test")
    assert any(test.failures for test in by_statement.tests)

    monkeypatch.setattr(models, "sql_of_any_window", lambda *_: {})
    own = LakeConfig.of(settings)
    folder = tmp_path / "of dbt"
    with new_lake(replace(own, catalog=f"sqlite:{folder / 'catalog'}", data=str(folder / "data"))) as other:
        deliver(other)
        by_dbt = build_window(DbtProject(settings), other, WINDOWS[Cadence.daily], run_id="test")
        assert outcome(by_dbt) == outcome(by_statement)
        assert marts_in(other, MARTS) == marts_in(lake, MARTS)


@pytest.mark.slow
def test_dbt_is_called_once_for_a_state_of_the_project(
    settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(lake)
    for cadence in Cadence:
        build_window(DbtProject(settings), lake, Window.of_day(WINDOWS[cadence].start, cadence), run_id="test")
    monkeypatch.delattr(invoke, "call_dbt")
    for window in WINDOWS.values():
        result = build_window(DbtProject(settings), lake, window, run_id="test")
        assert {model.status for model in result.models.values()} == {"success"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("alter table raw.orders alter quantity set data type bigint", "enforced contract"),
        ("alter table raw.orders drop column country", "country"),
    ],
)
def test_a_model_whose_columns_are_others_is_left_to_dbt_and_it_alone(
    settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch, change: str, said: str
) -> None:
    deliver(lake)
    lake.con.execute(change)
    by_dbt: list[str] = []
    run_nodes = invoke.run_nodes

    def noting(*arguments: Any) -> dict[str, NodeResult]:
        results = run_nodes(*arguments)
        by_dbt.extend(results)
        return results

    monkeypatch.setattr(models, "run_nodes", noting)
    result = build_window(DbtProject(settings), lake, Window.of_day(day(1)), run_id="test")
    assert [model.name for model in result.failed_models] == ["stg_orders"]
    assert said in result.failed_models[0].message
    assert by_dbt == ["model.shop.stg_orders"]


def test_a_statement_that_fails_keeps_none_but_those_behind_it_from_being_made(
    settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(lake)

    def breaking(project: DbtProject, config: LakeConfig, nodes: Collection[Any], window: Window) -> Mapping[str, str]:
        texts = sql_of_any_window(project, config, nodes, window)
        broken = texts["model.shop.int_orders"]
        return {**texts, "model.shop.int_orders": f"from (\n{broken}\n) where error('no luck') is null"}

    monkeypatch.setattr(models, "sql_of_any_window", breaking)
    result = build_window(DbtProject(settings), lake, Window.of_day(day(1)), run_id="test")
    (failed,) = result.failed_models
    assert (failed.name, failed.message.split("(")[0]) == ("int_orders", "Runtime Error in model int_orders ")
    assert "no luck" in failed.message
    statuses = {model.name: model.status for model in result.models.values()}
    assert statuses["stg_orders"] == statuses["daily_customers"] == "success"
    assert statuses["daily_sales"] == statuses["orders_daily_summary"] == "skipped"
