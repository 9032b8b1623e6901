"""A model that reads days that it does not declare is found by trying; the demo's models are not such."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.support.dbt_package import use_package
from tests.support.lake.copied import new_lake
from tests.support.orders import (
    MODELS,
    day,
    random_lines,
    random_payments,
    write_customers,
    write_orders,
    write_payments,
)

from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.settings import Settings, load_settings
from tidegate.transform.build import build_window
from tidegate.transform.parsed.project import DbtProject
from tidegate.transform.undeclared import check_reads
from tidegate.window import Cadence, Window

PROJECTS = Path(__file__).parents[1] / "support" / "runs" / "projects"

ALL_VISITS = "{{ config(materialized='view', schema='staging') }} select * from {{ ref('daily_visits') }}"
SUM_OF_DAYS = """
with days as (select distinct _delivered_on as day from {{{{ source('raw', 'visits') }}}})
select days.day as visit_date, cast(sum(visitors) as bigint) as visitors
from days join {{{{ ref('{read}') }}}} as visits on visit_date between days.day - {back} and days.day + {ahead}
where {{{{ tidegate.in_window('days.day') }}}}
group by all
"""
OF_A_DAY_IN_PYTHON = """
def model(dbt, session):
    visits = dbt.ref("daily_visits").df()
    visits = visits.assign(visitors={visitors})
    return visits[visits["visit_date"].dt.date.isin(dbt.days)]
"""
MODEL = """
  - name: {name}
    config: {{meta: {{tidegate: {{day: visit_date, reaches_back_days: {declared}}}}}}}
    columns: [{{name: visit_date, data_type: date}}, {{name: visitors, data_type: bigint}}]
"""


def add_model(
    project: Path, name: str, *, read: str = "daily_visits", back: int = 0, ahead: int = 0, declared: int
) -> None:
    (project / "models" / f"{name}.sql").write_text(SUM_OF_DAYS.format(read=read, back=back, ahead=ahead))
    with (project / "models" / "models.yml").open("a") as yaml:
        yaml.write(MODEL.format(name=name, declared=declared))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    shutil.copytree(PROJECTS / "minimal", folder)
    use_package(folder)
    return folder


@pytest.mark.slow
def test_a_model_that_reads_days_that_it_does_not_declare_is_found(tmp_path: Path, project: Path) -> None:
    (project / "models" / "all_visits.sql").write_text(ALL_VISITS)
    add_model(project, "of_yesterday", back=1, declared=0)
    add_model(project, "of_yesterday_by_a_view", read="all_visits", back=1, declared=0)
    add_model(project, "of_tomorrow", ahead=1, declared=0)
    add_model(project, "of_two_days_back", back=2, declared=1)
    add_model(project, "of_yesterday_as_declared", back=1, declared=1)
    for name, visitors in (("python_of_a_day", "visits['visitors']"), ("python_of_all", "visits['visitors'].sum()")):
        (project / "models" / f"{name}.py").write_text(OF_A_DAY_IN_PYTHON.format(visitors=visitors))
        with (project / "models" / "models.yml").open("a") as yaml:
            yaml.write(MODEL.format(name=name, declared=1).replace("{meta", "{materialized: incremental, meta"))
    settings = load_settings(home=tmp_path / "home", dbt_project=project, contracts=PROJECTS / "contracts", threads=1)
    days = Window(day(1), day(6))
    with new_lake(LakeConfig.of(settings)) as lake:
        lake.con.execute(
            "create table raw.visits as select date '2024-01-01' + cast(i as integer) as _delivered_on, "
            "cast(10 ** i as integer) as visitors from range(5) as numbers (i)"
        )
        assert build_window(DbtProject(settings), lake, days, run_id="test").failed_models == ()

    checked = check_reads(settings, day(3))
    assert [each.model.name for each in checked.not_repeatable] == ["python_of_all"]
    assert {(read.model.name, read.side) for read in checked.reads} == {
        ("of_yesterday", "before"),
        ("of_yesterday_by_a_view", "before"),
        ("of_tomorrow", "after"),
        ("of_two_days_back", "before"),
    }


@pytest.mark.slow
def test_the_demos_models_read_what_they_declare(settings: Settings, lake: Lake) -> None:
    days = Window(day(1), day(11))
    lines = random_lines(1, 10, orders_per_day=6)
    write_orders(lake, lines)
    write_payments(lake, random_payments(1, lines))
    write_customers(lake, {on: ["anna", "bert", "cleo", "dora"] for on in days.days})
    assert build_window(DbtProject(settings), lake, days, run_id="test", nodes=MODELS).failed_models == ()
    for mart in ("orders_daily_summary", "daily_customers", "daily_sales", "daily_sales_by_category"):
        lake.con.execute(f"create table serving.{mart} as from marts.{mart}")
    for cadence in (Cadence.morning, Cadence.weekly, Cadence.monthly):
        longer = Window.of_day(cadence.partition_of(day(8)), cadence)
        assert build_window(DbtProject(settings), lake, longer, run_id="test").failed_models == ()
    assert lake.con.execute("select count(*), sum(frequency) > 0 from marts.customer_rfm").fetchone() == (4, True)

    checked = check_reads(settings, day(8))
    assert (len(checked.models), checked.without_rows, checked.reads) == (13, (), ())
    assert checked.not_repeatable == ()
