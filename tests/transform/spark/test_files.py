"""A result of Spark that is too large to be copied becomes the mart's as the files that Spark wrote."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest
from tests.support.dbt_package import use_package
from tests.support.lake.copied import new_lake
from tests.support.orders import day

from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.content import Content, content_of
from tidegate.lake.identity import METADATA, named_files
from tidegate.lake.upkeep.maintenance import maintain_until
from tidegate.settings import CHECKOUT, Settings, load_settings
from tidegate.transform.build import BuildResult, build_window
from tidegate.transform.parsed.project import DbtProject
from tidegate.window import Window

PROJECTS = CHECKOUT / "tests" / "support" / "runs" / "projects"
DAYS = Window(day(1), day(4))

# One row for each of 300 numbers and day of the window.
NUMBERS = """
select
    date_day as day,
    n,
    cast(n as decimal(18, 2)) as amount,
    concat('name ', n) as name
from ({{ tidegate.days_of_window() }}) as days
cross join (select explode(sequence(1, 300)) as n)
"""

ROWS = 900

YAML = """
models:
  - name: numbers
    config:
      materialized: incremental
      incremental_strategy: window_overwrite
      on_schema_change: append_new_columns
      contract: {enforced: true}
      meta: {tidegate: {day: day, engine: spark, spark_files_from_rows: FROM_ROWS}}
    columns:
      - {name: day, data_type: date}
      - {name: n, data_type: integer}
      - {name: amount, data_type: "decimal(18,2)"}
      - {name: name, data_type: varchar}
"""


@pytest.fixture
def settings(tmp_path: Path, spark: str) -> Settings:
    """Of a project of one mart, which `write_mart` writes."""
    folder = tmp_path / "dbt_project"
    shutil.copytree(PROJECTS / "minimal", folder, ignore=shutil.ignore_patterns("contracts"))
    use_package(folder)
    settings = load_settings(home=tmp_path / "home", dbt_project=folder, threads=1, spark=spark)
    settings.scratch.mkdir(parents=True)
    return settings


def write_mart(settings: Settings, sql: str, from_rows: int, by_day: bool = True) -> None:
    models = settings.dbt_project / "models"
    shutil.rmtree(models)
    models.mkdir()
    partition = ", partition_by='day'" if by_day else ""
    (models / "numbers.sql").write_text(f"{{{{ config(schema='marts'{partition}) }}}}\n{sql}")
    (models / "numbers.yml").write_text(YAML.replace("FROM_ROWS", str(from_rows)))


def build(settings: Settings, lake: Lake, days: Window = DAYS) -> BuildResult:
    return build_window(DbtProject(settings), lake, days, run_id="r")


def content(lake: Lake) -> Content:
    return content_of(lake.con, "from marts.numbers")


def registered(lake: Lake) -> int:
    """How many of the mart's files another engine wrote."""
    row = lake.con.execute(
        f"select count(*) from {METADATA}.ducklake_data_file where end_snapshot is null and mapping_id is not null"
    ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("by_day", [True, False])
def test_from_so_many_rows_on_files_are_registered_and_the_content_is_the_same(
    settings: Settings, by_day: bool
) -> None:
    with new_lake(LakeConfig.of(settings)) as lake:
        found = []
        for from_rows in (ROWS + 1, ROWS):
            write_mart(settings, NUMBERS, from_rows, by_day)
            assert not build(settings, lake).failed_models
            found.append((content(lake), registered(lake)))

    (copied, none), (taken, files) = found
    assert taken == copied
    assert copied.rows == ROWS
    assert none == 0
    assert files >= len(DAYS.days)


def test_a_day_that_is_made_again_and_cleaned_up_stays_and_so_do_the_others(settings: Settings) -> None:
    write_mart(settings, NUMBERS, 0)
    with new_lake(LakeConfig.of(settings)) as lake:
        assert not build(settings, lake).failed_models
        before, data = content(lake), Path(lake.config.data)
        for days in (DAYS, Window.of_day(day(2))):
            assert not build(settings, lake, days).failed_models
        now = dt.datetime.now(dt.UTC)
        maintain_until(lake, now, now + dt.timedelta(days=2))

        assert content(lake) == before
        assert registered(lake) >= len(DAYS.days)
        assert {path.relative_to(data).as_posix() for path in data.rglob("*.parquet")} == set(named_files(lake.con))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("concat('name ', n) as name", "n as name"), "name is INTEGER and not VARCHAR. Cast them in the model"),
        (("    n,\n", ""), "n is missing"),
        (("date_day as day", "date_add(date_day, 1) as day"), "outside of the window that is overwritten"),
        (("date_day as day", "nullif(date_day, date '2024-01-02') as day"), "outside of the window"),
    ],
)
def test_what_is_not_the_marts_is_refused_and_the_days_stay(
    settings: Settings, change: tuple[str, str], says: str
) -> None:
    write_mart(settings, NUMBERS, 0)
    with new_lake(LakeConfig.of(settings)) as lake:
        assert not build(settings, lake).failed_models
        before = content(lake)
        assert NUMBERS.replace(*change) != NUMBERS
        write_mart(settings, NUMBERS.replace(*change), 0)
        (model,) = build(settings, lake).failed_models

        assert says in model.message
        assert content(lake) == before
        assert not list(Path(lake.config.data).glob("exchange/*"))
