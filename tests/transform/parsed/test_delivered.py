"""What a project cannot mean is refused when it is loaded: sources that nobody fills, columns that no table has."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tidegate.errors import TidegateError
from tidegate.home import Home
from tidegate.settings import CHECKOUT, Settings
from tidegate.transform.parsed.graph import Graph
from tidegate.transform.parsed.products import products_of
from tidegate.transform.parsed.project import DbtProject
from tidegate.transform.parsed.published import refuse_candidates
from tidegate.window import Cadence

Change = Callable[[dict[str, Any]], None]
SOURCE, MODEL = "source.shop.raw.orders", "model.shop.daily_sales"


@pytest.fixture
def contracts(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CHECKOUT / "contracts", tmp_path / "contracts"))


@pytest.fixture
def home(settings: Settings, contracts: Path) -> Home:
    return Home(settings.model_copy(update={"contracts": contracts}))


def test_a_source_that_no_contract_delivers_is_refused_with_its_yaml_and_what_to_do(home: Home) -> None:
    (home.settings.contracts / "orders.odcs.yaml").unlink()

    with pytest.raises(TidegateError) as refused:
        _ = home.requirements_of(Cadence.daily)

    for part in (r"raw.orders in models/staging/sources.yml", "no contract", "orders.odcs.yaml", "optional: true"):
        assert part in str(refused.value)


def test_a_source_that_its_yaml_calls_optional_may_be_missing(home: Home) -> None:
    (home.settings.contracts / "payments.odcs.yaml").unlink()

    assert {source for source, _ in home.requirements_of(Cadence.daily).deliveries} == {"orders", "customers"}


def test_a_column_that_the_contract_does_not_deliver_is_refused(home: Home) -> None:
    contract = home.settings.contracts / "customers.odcs.yaml"
    contract.write_text(contract.read_text().replace("name: country", "name: land"))

    with pytest.raises(TidegateError, match=r"raw\.customers in models/staging/sources.yml .* column country"):
        _ = home.requirements_of(Cadence.daily)


def test_serving_is_read_by_the_names_of_marts(settings: Settings) -> None:
    def name_the_table(manifest: dict[str, Any]) -> None:
        changed = {
            **manifest["sources"][SOURCE],
            "unique_id": SOURCE + "2",
            "schema": "serving",
            "identifier": "daily_sales",
        }
        manifest["sources"][SOURCE + "2"] = changed

    with pytest.raises(TidegateError, match=r"Write \{\{ tidegate\.published\('daily_sales'\) \}\} where it is read"):
        _changed(settings, name_the_table)


@pytest.mark.parametrize(
    ("model", "reads", "says"),
    [
        (
            "customer_rfm",
            "daily_sales",
            r"published. Write \{\{ tidegate\.published\('daily_sales'\) \}\} in place",
        ),
        ("monthly_sales", "int_orders", "which is daily and never published. Make a mart of it"),
        ("daily_sales", "monthly_sales", "it would change with what is made of it. Make it monthly too"),
    ],
)
def test_what_another_cadence_built_is_read_as_published(settings: Settings, model: str, reads: str, says: str) -> None:
    def read_candidates(manifest: dict[str, Any]) -> None:
        manifest["nodes"][f"model.shop.{model}"]["depends_on"]["nodes"].append(f"model.shop.{reads}")

    with pytest.raises(TidegateError, match=says):
        refuse_candidates(_changed(settings, read_candidates))


def test_a_mart_that_is_read_as_published_is_written_out(settings: Settings) -> None:
    def compute(manifest: dict[str, Any]) -> None:
        manifest["nodes"]["model.shop.monthly_sales"]["raw_code"] = "select * from {{ published(var('mart')) }}"

    with pytest.raises(TidegateError, match=r"calls published without the name of a mart. .* Write it out"):
        _changed(settings, compute)


@pytest.mark.parametrize("name", ["row_id", "END_SNAPSHOT", "_ducklake_internal_row_id"])
def test_a_model_may_not_have_a_column_that_the_lake_keeps(settings: Settings, name: str) -> None:
    with pytest.raises(TidegateError, match=rf"daily_sales \(models/marts/.*\) has the column {name}, .* DuckLake"):
        _changed(settings, lambda manifest: _add_column(manifest, name))


def test_a_model_may_not_have_two_columns_that_are_one_to_the_lake(settings: Settings) -> None:
    with pytest.raises(TidegateError, match="NET_Revenue and net_revenue"):
        _changed(settings, lambda manifest: _add_column(manifest, "NET_Revenue"))


def test_the_day_of_a_model_is_one_of_its_columns(settings: Settings) -> None:
    def misspell(manifest: dict[str, Any]) -> None:
        manifest["nodes"][MODEL]["config"]["meta"]["tidegate"]["day"] = "ordered_on"

    with pytest.raises(TidegateError, match="names 'ordered_on' as the column that holds its day"):
        _changed(settings, misspell)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("reaches_back_days", -1, "has -1 as reaches_back_days.*whole number from 0"),
        ("reaches_back_days", "a week", "has 'a week' as reaches_back_days"),
    ],
)
def test_days_to_read_back_are_a_whole_number(settings: Settings, key: str, value: object, says: str) -> None:
    with pytest.raises(TidegateError, match=says):
        _changed(settings, lambda manifest: manifest["nodes"][MODEL]["config"]["meta"]["tidegate"].update({key: value}))


def test_reaches_of_models_that_read_one_another_add_up(settings: Settings) -> None:
    def reach(manifest: dict[str, Any]) -> None:
        for name in ("int_orders", "daily_sales"):
            manifest["nodes"][f"model.shop.{name}"]["config"]["meta"]["tidegate"]["reaches_back_days"] = 2

    assert _reach(_changed(settings, lambda manifest: None)) == 0
    assert _reach(_changed(settings, reach)) == 4


def _reach(graph: Graph) -> int:
    return {product.name: product.reach for product in products_of(graph, Cadence.daily)}["sales"]


def _changed(settings: Settings, change: Change) -> Graph:
    """The graph of the project, with its manifest changed."""
    manifest: Mapping[str, Any] = DbtProject(settings).manifest()
    changed = copy.deepcopy({part: manifest[part] for part in ("nodes", "sources", "macros")})
    change(changed)
    graph = Graph(changed)
    _ = graph.tables
    return graph


def _add_column(manifest: dict[str, Any], name: str) -> None:
    column = {"name": name, "data_type": "integer", "description": "One more."}
    manifest["nodes"][MODEL]["columns"][name] = column
