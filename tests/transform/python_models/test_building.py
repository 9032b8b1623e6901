"""A dated model in Python is built like one in SQL: a range or a day at a time, in any order, of what it declares."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.lake.copied import new_lake
from tests.support.orders import day
from tests.support.python_models import PROJECTS, project_with

from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.settings import Settings, load_settings
from tidegate.transform.build import BuildResult, build_window
from tidegate.transform.parsed.project import DbtProject
from tidegate.window import Cadence, Window

OF_TWO_DAYS = """
import pandas as pd


def model(dbt, session):
    visits = dbt.ref("daily_visits").df().set_index("visit_date")["visitors"]
    sums = [sum(int(visits.get(pd.Timestamp(day) - pd.Timedelta(days=back), 0)) for back in (0, 1)) for day in dbt.days]
    return pd.DataFrame({"visit_date": dbt.days, "visitors": sums})[lambda frame: frame["visitors"] > 0]
"""
OF_ALL_IT_SEES = """
def model(dbt, session):
    return dbt.ref("daily_visits").aggregate(f"date '{dbt.days[-1]}' as visit_date, sum(visitors)::bigint as visitors")
"""
OF_DELIVERIES = """
def model(dbt, session):
    rows = dbt.source("raw", "visits").filter(f"_delivered_on <= '{dbt.days[-1]}'")
    return rows.project("_delivered_on as visit_date, cast(visitors as bigint) as visitors")
"""
OF_A_WEEK = """
import datetime as dt

import pandas as pd


def model(dbt, session):
    visits = dbt.ref("daily_visits").df()
    monday = dbt.days[0]
    return pd.DataFrame({"visit_date": [monday], "visitors": [int(visits["visitors"].sum())]})
"""
YAML = """
  - {name: of_two_days, config: {materialized: incremental, meta: {tidegate: {day: visit_date, reaches_back_days: 1}}}, columns: &c [{name: visit_date, data_type: date}, {name: visitors, data_type: bigint}]}
  - {name: of_all_it_sees, config: {materialized: incremental, meta: {tidegate: {day: visit_date}}}, columns: *c}
  - {name: of_deliveries, config: {materialized: incremental, meta: {tidegate: {day: visit_date}}}, columns: *c}
  - {name: of_a_week, config: {materialized: incremental, meta: {tidegate: {day: visit_date, cadence: weekly}}}, columns: *c}
  - {name: in_sql, columns: *c, config: {meta: {tidegate: {day: visit_date}}}}
"""  # noqa: E501
DAYS = Window(day(1), day(6))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("python")
    models = {
        "of_two_days.py": OF_TWO_DAYS,
        "of_all_it_sees.py": OF_ALL_IT_SEES,
        "of_deliveries.py": OF_DELIVERIES,
        "of_a_week.py": OF_A_WEEK,
        "in_sql.sql": "select * from {{ ref('of_two_days') }} where {{ tidegate.in_window('visit_date') }}",
    }
    project = project_with(folder / "project", models, YAML)
    return load_settings(home=folder / "home", dbt_project=project, contracts=PROJECTS / "contracts", threads=1)


@pytest.fixture
def lake(settings: Settings, tmp_path: Path) -> Iterator[Lake]:
    with new_lake(LakeConfig.of(settings.model_copy(update={"home": tmp_path / "home"}))) as lake:
        deliver(lake, {1: 1, 2: 10, 3: 100, 4: 1000, 5: 10000})
        yield lake


def deliver(lake: Lake, visitors: dict[int, int]) -> None:
    lake.con.execute("create table if not exists raw.visits (_delivered_on date, visitors integer)")
    for number, count in visitors.items():
        lake.con.execute(f"delete from raw.visits where _delivered_on = '{day(number)}'")
        if count:
            lake.con.execute(f"insert into raw.visits values ('{day(number)}', {count})")


def build(settings: Settings, lake: Lake, window: Window) -> BuildResult:
    result = build_window(DbtProject(settings), lake, window, run_id="test")
    assert {model.name: model.message for model in result.failed_models} == {}
    return result


def rows(lake: Lake, model: str) -> dict[dt.date, int]:
    return dict(lake.con.execute(f"select visit_date, visitors from marts.{model} order by all").fetchall())


OF_TWO = {day(1): 1, day(2): 11, day(3): 110, day(4): 1100, day(5): 11000}


@pytest.mark.slow
def test_a_range_in_one_call_a_day_at_a_time_and_in_reverse_give_the_same(settings: Settings, lake: Lake) -> None:
    result = build(settings, lake, DAYS)
    assert rows(lake, "of_two_days") == rows(lake, "in_sql") == OF_TWO
    assert result.models["model.minimal.of_two_days"].rows == dict.fromkeys(DAYS.days, 1)
    for number in (5, 3, 1):
        build(settings, lake, Window.of_day(day(number)))
    assert rows(lake, "of_two_days") == rows(lake, "in_sql") == OF_TWO


def test_a_day_that_became_empty_empties(settings: Settings, lake: Lake) -> None:
    build(settings, lake, DAYS)
    deliver(lake, {4: 0, 5: 0})
    build(settings, lake, Window(day(4), day(6)))
    assert rows(lake, "of_two_days") == {**{day(n): OF_TWO[day(n)] for n in (1, 2, 3)}, day(4): 100}


def test_a_model_sees_the_days_that_it_declares_and_no_others(settings: Settings, lake: Lake) -> None:
    build(settings, lake, DAYS)
    build(settings, lake, Window.of_day(day(3)))
    assert rows(lake, "of_all_it_sees") == {day(3): 100, day(5): 11111}
    assert rows(lake, "of_deliveries") == {day(1): 1, day(2): 10, day(3): 100, day(4): 1000, day(5): 10000}


def test_a_weekly_model_reads_daily_marts_as_published(settings: Settings, lake: Lake) -> None:
    build(settings, lake, DAYS)
    lake.con.execute("create table serving.daily_visits as from marts.daily_visits where visit_date <> '2024-01-02'")
    lake.con.execute("insert into serving.daily_visits values ('2023-12-31', 5), ('2024-01-08', 7)")
    build(settings, lake, Window.of_day(day(8), Cadence.weekly))
    assert rows(lake, "of_a_week") == {day(8): 11101}
