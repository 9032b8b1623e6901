"""The project itself: complete, documented, parsed once, unit-tested; and its connection is Tidegate's own."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Iterable
from pathlib import Path

import duckdb
import pytest
from dbt.cli.main import dbtRunner
from tests.support.orders import RAW_CUSTOMERS, RAW_ORDERS, RAW_PAYMENTS, day

from tidegate.errors import TidegateError
from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.outputs.pages import daily, weekly
from tidegate.publishing.requirements import Mart
from tidegate.settings import CHECKOUT, Settings, load_settings
from tidegate.transform.invoke import variables
from tidegate.transform.lake_plugin import lake_as_text, lake_of_text
from tidegate.transform.parsed.graph import Graph
from tidegate.transform.parsed.products import products_of
from tidegate.transform.parsed.project import IN_USE_SECONDS, PICKLED, DbtProject, quiet_arguments
from tidegate.transform.tables import create_missing_tables
from tidegate.window import Cadence, Window

DIMENSIONS = {"accuracy", "completeness", "consistency", "timeliness", "traceability", "uniqueness"}


@pytest.fixture
def graph(settings: Settings) -> Graph:
    return Graph(DbtProject(settings).manifest())


def test_the_gate_learns_what_a_day_needs(graph: Graph) -> None:
    customers, sales = products_of(graph, Cadence.daily)
    names = ("daily_sales", "daily_sales_by_category", "daily_sales_by_region")
    assert sales.marts == tuple(Mart(name, "order_date") for name in names)
    assert sales.models == {*names, "int_orders", "stg_orders", "stg_payments"}
    assert sales.sources == {"orders", "payments"}
    assert ("staging/stg_orders", "stg_orders_no_line_is_lost") in sales.blocking_checks
    assert ("marts/daily_sales", "daily_sales_has_every_day_once") in sales.blocking_checks

    assert customers.marts == (Mart("daily_customers", "snapshot_date"), Mart("orders_daily_summary", "order_date"))
    between = ("int_orders", "stg_orders", "stg_payments", "stg_customers")
    assert customers.models == {"daily_customers", "orders_daily_summary", *between}
    assert customers.sources == {"orders", "payments", "customers"}
    assert ("staging/stg_customers", "stg_customers_are_unique_per_day") in customers.blocking_checks
    assert not {asset for asset, _ in customers.blocking_checks} & {f"marts/{mart}" for mart in names}
    # A warning holds no day.
    assert "orders_daily_summary_customers_are_known" not in {name for _, name in customers.blocking_checks}


def test_every_product_of_the_demo_has_an_owner_a_deadline_and_an_alert_channel(graph: Graph) -> None:
    products = [product for cadence in Cadence for product in products_of(graph, cadence)]
    assert {product.name for product in products} == {"customers", "sales"}
    for product in products:
        promise = product.promise
        assert promise.owner and promise.deadline and promise.alert_channel, product.name
    assert len({str(product.promise.owner) for product in products}) == 2


def test_the_gate_learns_what_a_monday_needs(graph: Graph) -> None:
    (weekly,) = products_of(graph, Cadence.weekly)

    assert weekly.marts == (Mart("customer_rfm", "as_of_date"), Mart("segment_summary", "as_of_date"))
    # What stands behind them day by day is published day by day.
    assert weekly.models == {"customer_rfm", "segment_summary"}
    assert {asset for asset, _ in weekly.blocking_checks} == {"marts/customer_rfm", "marts/segment_summary"}
    assert "customer_rfm_window_is_published" not in {name for _, name in weekly.blocking_checks}


def test_everything_is_described_and_every_test_says_what_it_guards(settings: Settings, graph: Graph) -> None:
    nodes = DbtProject(settings).manifest()["nodes"].values()
    for node in nodes:
        assert node["description"], node["unique_id"]
        assert all(column["description"] for column in node["columns"].values()), node["unique_id"]
    assert {test.dimension for test in graph.tests.values()} == DIMENSIONS
    assert {test.severity for test in graph.tests.values()} == {"error", "warning"}
    assert {test.asset for test in graph.tests.values()} == {model.asset for model in graph.models.values()}


def test_every_macro_says_what_it_gives_and_what_it_takes(settings: Settings) -> None:
    macros = DbtProject(settings).manifest()["macros"].values()
    for macro in (macro for macro in macros if macro["package_name"] in ("shop", "tidegate")):
        assert macro["description"], macro["name"]
        # That these are the ones it has, dbt checks itself: validate_macro_args.
        assert all(argument["description"] for argument in macro["arguments"]), macro["name"]


def test_exposures_name_the_marts_that_exports_and_pages_are_made_of(settings: Settings, graph: Graph) -> None:
    exposures = DbtProject(settings).manifest()["exposures"].values()
    marts = {exposure["name"]: _names(exposure["depends_on"]["nodes"]) for exposure in exposures}
    assert marts == {
        "exports": sorted(model.name for model in graph.models.values() if model.is_mart),
        "daily_brief": sorted(daily.MARTS),
        "segmentation_report": sorted(weekly.MARTS),
    }


def _names(unique_ids: Iterable[str]) -> list[str]:
    return sorted(unique_id.rpartition(".")[2] for unique_id in unique_ids)


AGGREGATES = {"sum": "sum({})", "count_distinct": "count(distinct {})"}


def test_metrics_are_described_and_can_be_computed_from_their_marts(
    settings: Settings, lake: Lake, graph: Graph
) -> None:
    create_missing_tables(lake, graph, graph.models.values())
    manifest = DbtProject(settings).manifest()
    assert all(metric["description"] for metric in manifest["metrics"].values())
    for model in manifest["semantic_models"].values():
        relation = model["node_relation"]
        for measure in model["measures"]:
            figure = AGGREGATES[measure["agg"]].format(measure["expr"] or measure["name"])
            table = f"{relation['schema_name']}.{relation['alias']}"
            assert lake.con.execute(f"select {figure} from {table} group by {model['defaults']['agg_time_dimension']}")


def test_unit_tests_of_the_arithmetic_pass(settings: Settings, lake: Lake, graph: Graph) -> None:
    create_missing_tables(lake, graph, graph.models.values())
    project = DbtProject(settings)
    arguments = ["test", "--select", "test_type:unit", *quiet_arguments(project.folder, project.target)]
    given = json.dumps(variables(project, Window.of_day(day(1)), lake.config))
    outcome = dbtRunner(project.load_manifest()).invoke([*arguments, "--vars", given])
    results = {result.node.name: result.status for result in outcome.result.results}  # type: ignore[union-attr]
    assert len(results) == 14
    assert set(results.values()) == {"pass"}


def test_a_new_column_is_added_to_a_table_that_is_there(lake: Lake, graph: Graph) -> None:
    lake.con.execute("create table marts.daily_sales (order_date date)")
    lake.con.execute("insert into marts.daily_sales values ('2024-01-01')")
    create_missing_tables(lake, graph, graph.models.values())
    columns = [row[0] for row in lake.con.execute("describe marts.daily_sales").fetchall()]
    assert columns == list(graph.models["model.shop.daily_sales"].columns)


@pytest.mark.slow
def test_processes_that_parse_at_once_share_one_result(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, parsed="")
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        targets = pool.map(_target_of, [settings, settings], chunksize=1)
    assert targets[0] == targets[1]
    assert [path.name for path in (settings.scratch / "dbt").iterdir()] == [targets[0].name]


def _target_of(settings: Settings) -> Path:
    return DbtProject(settings).target


def test_whatever_dbt_reads_is_noticed_when_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, package = tmp_path / "project", tmp_path / "package"
    files = {
        folder / "dbt_project.yml": "name: x\nmodel-paths: [elsewhere]\npackages-install-path: installed\n",
        folder / "profiles.yml": "x: {path: \"{{ env_var('WHERE', '') }}\"}",
        folder / "packages.yml": "packages: [{local: ../package}]",
        folder / "elsewhere" / "model.py": "def model(dbt, session): ...",
        folder / "elsewhere" / "docs.md": "{% docs x %}{% enddocs %}",
        folder / "seeds" / "seed.csv": "a",
        folder / "analyses" / "analysis.sql": "select 1",
        package / "dbt_project.yml": "name: y\nmacro-paths: [their_macros]\n",
        package / "their_macros" / "macro.sql": "{% macro m() %}1{% endmacro %}",
    }
    for file, content in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    (folder / "installed").mkdir()
    (folder / "installed" / "y").symlink_to(package)
    settings = load_settings(home=tmp_path, dbt_project=folder)
    prints = [DbtProject(settings)._fingerprint()]
    for file, content in files.items():
        file.write_text(content + "\n# changed\n")
        prints.append(DbtProject(settings)._fingerprint())
    for name in ("WHERE", "DBT_WARN_ERROR"):
        monkeypatch.setenv(name, "other")
        prints.append(DbtProject(settings)._fingerprint())
    assert len(set(prints)) == len(prints)

    # What dbt leaves there is not part of it.
    (folder / "target").mkdir()
    (folder / "target" / "manifest.json").write_text("{}")
    assert DbtProject(settings)._fingerprint() == prints[-1]


def minimal_project(folder: Path) -> Path:
    (folder / "models").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text("name: x\nprofile: x\n")
    (folder / "models" / "model.sql").write_text("select 1 as one")
    return folder


def test_the_same_files_in_another_folder_are_the_same_state(tmp_path: Path) -> None:
    one, other = (DbtProject(load_settings(home=tmp_path, dbt_project=minimal_project(tmp_path / x))) for x in "ab")
    assert one._fingerprint() == other._fingerprint()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("seeds/seed.csv", "a"),
        ("models/model.py", "def model(dbt, session): ..."),
        ("models/model.sql", "select '{{ flags.PROJECT_DIR }}' as folder"),
        ("macros/macro.sql", "{% macro here() %}{{ invocation_args_dict['project_dir'] }}{% endmacro %}"),
    ],
)
def test_files_whose_folder_dbt_may_write_down_are_another_state_in_another_folder(
    tmp_path: Path, name: str, content: str
) -> None:
    prints = set()
    for place in "ab":
        folder = minimal_project(tmp_path / place)
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
        prints.add(DbtProject(load_settings(home=tmp_path, dbt_project=folder))._fingerprint())
    assert len(prints) == 2


def test_older_states_go_unless_one_was_used_lately(tmp_path: Path) -> None:
    project = DbtProject(load_settings(home=tmp_path, parsed=str(tmp_path / "kept"), dbt_project=tmp_path / "project"))
    states = [tmp_path / "kept" / f"{number:02}" for number in range(12)]
    for number, state in enumerate(states):
        state.mkdir(parents=True)
        (state / PICKLED).touch()
        is_in_use = number < 2
        moment = time.time() - (60 if is_in_use else IN_USE_SECONDS + 600 - number)
        os.utime(state, (moment, moment))
    project._forget_older(states[-1])
    # The newest six, with that of now, and those in use, of which the newest count as the five others.
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["00", "01", "08", "09", "10", "11"]


def test_there_must_be_a_project(tmp_path: Path) -> None:
    with pytest.raises(TidegateError, match="TIDEGATE_DBT_PROJECT"):
        DbtProject(load_settings(home=tmp_path, dbt_project=tmp_path)).prepare()


def test_the_lake_reaches_dbt_as_it_is(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    config = LakeConfig.of(settings)
    assert lake_of_text(lake_as_text(config)) == config
    monkeypatch.setenv("TIDEGATE_HOME", str(settings.home))
    assert lake_of_text("").catalog == config.catalog


@pytest.mark.slow
def test_the_project_runs_on_a_plain_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "plain file.duckdb"
    with duckdb.connect(str(file)) as con:
        con.execute("create schema raw")
        tables = {"orders": RAW_ORDERS, "customers": RAW_CUSTOMERS, "payments": RAW_PAYMENTS}
        for name, columns in tables.items():
            con.execute(f"create table raw.{name} ({', '.join(f'{c} {t}' for c, t in columns.items())})")
    monkeypatch.setenv("TIDEGATE_PLAIN_FILE", str(file))
    quiet = quiet_arguments(CHECKOUT / "dbt_project", tmp_path / "target")
    days = json.dumps({"window_start": "2024-01-01", "window_end": "2024-01-03"})
    outcome = dbtRunner().invoke(["build", *quiet, "--target", "plain", "--vars", days])
    assert outcome.success, outcome.exception
    with duckdb.connect(str(file)) as con:
        assert con.execute("select count(*) from marts.daily_sales").fetchall() == [(2,)]
