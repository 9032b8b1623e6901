"""A model makes the same rows on Spark as on DuckDB, and what goes wrong there is a sentence."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.dbt_package import use_package
from tests.support.lake.copied import new_lake
from tests.support.orders import day, random_lines, random_payments, write_orders, write_payments
from tests.support.servers import free_port
from tests.support.spark import ON_SPARK, Spark, sail, write_project_on_spark

from tidegate.lake.config import LakeConfig
from tidegate.lake.content import Content, content_of
from tidegate.settings import CHECKOUT, Settings, load_settings
from tidegate.transform.build import BuildResult, build_window
from tidegate.transform.parsed.project import DbtProject
from tidegate.window import Window

PROJECTS = CHECKOUT / "tests" / "support" / "runs" / "projects"
DAYS = Window(day(1), day(5))


@pytest.fixture(scope="module")
def spark() -> Iterator[Spark]:
    with sail() as server:
        yield server


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's, with models that Spark makes."""
    folder = tmp_path_factory.mktemp("project") / "dbt_project"
    write_project_on_spark(folder)
    return folder


def settings_of(home: Path, project: Path, **more: str) -> Settings:
    return load_settings(home=home, dbt_project=project, threads=1, **more)


@pytest.fixture(scope="module")
def project_of_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, and whatever Spark makes becomes the table's as the files that it is."""
    folder = tmp_path_factory.mktemp("files") / "dbt_project"
    write_project_on_spark(folder, "spark_files_from_rows: 0, ")
    return folder


@pytest.mark.slow
def test_every_model_has_the_same_content_by_either_engine(
    spark: Spark, project: Path, project_of_files: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    # Not in UTC, where a day is no more than a cast.
    by_duckdb, by_spark, by_files = (
        contents_by(settings_of(home, of, spark=address, timezone="Europe/Berlin"))
        for of, address in ((project, ""), (project, spark.address), (project_of_files, spark.address))
    )

    assert by_spark == by_duckdb
    assert by_files == by_duckdb


def contents_by(settings: Settings) -> dict[str, Content]:
    """What these models hold once they are made anew by whatever the settings name."""
    settings.scratch.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(settings.home / "lake", ignore_errors=True)
    with new_lake(LakeConfig.of(settings)) as lake:
        lines = random_lines(seed=3, days=4, orders_per_day=40)
        write_orders(lake, lines)
        write_payments(lake, random_payments(3, lines))
        result = build_window(DbtProject(settings), lake, DAYS, run_id="r")
        assert not result.unbuilt_models, [each.message for each in result.unbuilt_models]
        assert not list(Path(settings.lake_data).glob("exchange/*"))
        return {name: content_of(lake.con, f"from {schema_of(name)}.{name}") for name in ON_SPARK}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A project of one mart, whose SQL is for the test to write."""
    folder = tmp_path / "dbt_project"
    shutil.copytree(PROJECTS / "minimal", folder, ignore=shutil.ignore_patterns("contracts"))
    use_package(folder)
    return folder


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("select nothing from nowhere", "nowhere"),
        ("select date '2024-01-01' as day, 'a' as place", "rows is missing"),
        ("select date '2024-01-01' as day, 'a' as place, 1 as rows", "rows is INTEGER and not BIGINT"),
        ("select date '2024-01-01' as day, 'a' as place, cast(1 as bigint) as rows, 2 as more", "more is in no YAML"),
    ],
)
def test_what_spark_does_not_make_is_an_error_that_says_why(spark: Spark, small: Path, sql: str, says: str) -> None:
    result = build_mart(small, sql, spark.address)

    (model,) = result.failed_models
    assert says in model.message
    assert not result.was_broken_off


def test_no_rows_are_no_error(spark: Spark, small: Path) -> None:
    sql = "select date '2024-01-01' as day, 'a' as place, cast(1 as bigint) as rows where 1 = 2"

    assert not build_mart(small, sql, spark.address).failed_models


def test_a_spark_that_is_not_there_is_an_outage(small: Path) -> None:
    result = build_mart(small, "select 1", f"sc://127.0.0.1:{free_port()}")

    assert "no Spark answers at 127.0.0.1" in result.failed_models[0].message
    assert result.was_broken_off


def build_mart(project: Path, sql: str, address: str) -> BuildResult:
    """Build the one mart over a day, as Spark makes it of this SQL."""
    models = project / "models"
    shutil.rmtree(models)
    models.mkdir()
    (models / "places.sql").write_text("{{ config(schema='marts') }}\n" + sql)
    (models / "places.yml").write_text(PLACES)
    settings = settings_of(project.parent / "home", project, spark=address)
    settings.scratch.mkdir(parents=True)
    with new_lake(LakeConfig.of(settings)) as lake:
        return build_window(DbtProject(settings), lake, Window.of_day(day(1)), run_id="r")


PLACES = """
models:
  - name: places
    config:
      materialized: incremental
      incremental_strategy: window_overwrite
      on_schema_change: append_new_columns
      contract: {enforced: true}
      meta: {tidegate: {day: day, engine: spark}}
    columns:
      - {name: day, data_type: date}
      - {name: place, data_type: varchar}
      - {name: rows, data_type: bigint}
"""


def schema_of(model: str) -> str:
    return {"stg": "staging", "int": "intermediate"}.get(model[:3], "marts")
