"""Marts in Python go from landing to serving like those in SQL: in any order, held by their own errors."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import dagster as dg
import pytest
from tests.support.lake.copied import put_lake
from tests.support.python_models import PROJECTS, project_with
from tests.support.runs.home import TemporaryHome, settings_of

from tidegate.lake.config import LakeConfig
from tidegate.orchestration.assembly import build_definitions
from tidegate.window import ONE_DAY, Window

pytestmark = pytest.mark.slow

DOUBLED = """
def model(dbt, session):
    visits = dbt.ref("daily_visits").df()
    if (visits["visitors"] == 13).any():
        raise ValueError("nobody counts to 13")
    return visits.assign(visitors=visits["visitors"] * 2)
"""
BEFORE_THE_DAY = """
import pandas as pd


def model(dbt, session):
    visits = dbt.ref("doubled").df().set_index("visit_date")["visitors"]
    before = {day: visits[visits.index < pd.Timestamp(day)].tail(2).sum() for day in dbt.days}
    return pd.DataFrame({"as_of": before.keys(), "visitors": before.values()})
"""
YAML = """
  - name: doubled
    config: {materialized: incremental, meta: {tidegate: {day: visit_date}}}
    columns: [{name: visit_date, data_type: date}, {name: visitors, data_type: bigint}]
  - name: before_the_day
    config: {materialized: incremental, meta: {tidegate: {day: as_of, cadence: morning, reaches_back_days: 5}}}
    columns: [{name: as_of, data_type: date}, {name: visitors, data_type: bigint}]
"""
DAYS = Window(dt.date(2024, 3, 3), dt.date(2024, 3, 7))


@pytest.fixture
def new_home(tmp_path: Path) -> Iterator[Callable[[], TemporaryHome]]:
    project = project_with(tmp_path / "project", {"doubled.py": DOUBLED, "before_the_day.py": BEFORE_THE_DAY}, YAML)
    with ExitStack() as stack:

        def make() -> TemporaryHome:
            settings = settings_of(
                tmp_path / f"home-{len(list(tmp_path.iterdir()))}",
                contracts=PROJECTS / "contracts",
                dbt_project=project,
            ).model_copy(update={"start_date": DAYS.start})
            settings.scratch.mkdir(parents=True)
            put_lake(LakeConfig.of(settings))
            home = TemporaryHome(settings)
            stack.callback(home.close)
            return home

        yield make


def deliver(home: TemporaryHome, day: dt.date, visitors: int) -> None:
    folder = Path(home.settings.landing) / "visits" / str(day)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "visits.csv").write_text(f"place,visitors\nBergen,{visitors}\n")
    (folder / "_SUCCESS").touch()


def test_any_order_of_days_and_corrections_ends_in_the_same_marts(new_home: Callable[[], TemporaryHome]) -> None:
    home, reverse = new_home(), new_home()
    for each in (home, reverse):
        for number, day in enumerate(DAYS.days):
            deliver(each, day, 10**number)
    assert all(outcome.succeeded for outcome in home.backfill(DAYS))
    for day in reversed(DAYS.days):
        assert all(outcome.succeeded for outcome in reverse.run(day))
    assert home.contents() == reverse.contents()
    mornings = "select * from serving.before_the_day where as_of > '2024-03-04' order by as_of"
    expected = [(DAYS.start + ONE_DAY * n, 2 * (10 ** (n - 1) + 10 ** (n - 2))) for n in (2, 3, 4)]
    assert home.query(mornings) == expected

    # A day that is corrected is followed by the mornings that it is counted in.
    deliver(home, DAYS.days[1], 20)
    home.run(DAYS.days[1])
    assert home.query(mornings) == [(expected[0][0], 42), (expected[1][0], 240), expected[2]]


def test_an_error_in_a_model_holds_its_day_and_shows_the_authors_line(new_home: Callable[[], TemporaryHome]) -> None:
    home = new_home()
    day = DAYS.start
    deliver(home, day, 13)
    (outcome,) = home.run(day)
    assert outcome.published == () and "doubled" in " ".join(outcome.held[day])
    (failed,) = (
        record.event_log_entry.dagster_event
        for record in home.runner.instance.get_records_for_run(
            outcome.run_id, of_type=dg.DagsterEventType.STEP_FAILURE
        ).records
    )
    assert failed is not None
    failure = failed.step_failure_data.user_failure_data
    assert failure is not None and failure.description is not None
    assert (
        f"The Python model doubled (models/doubled.py) over {day} failed in line 5 of models/doubled.py "
        '(`raise ValueError("nobody counts to 13")`): ValueError: nobody counts to 13. There, visits has 1 row'
    ) in failure.description

    deliver(home, day, 12)
    (outcome,) = home.run(day)
    assert (outcome.published, home.query("select visitors from serving.doubled")) == ((day,), [(24,)])


def test_lineage_leads_from_a_mart_in_python_to_what_it_reads(new_home: Callable[[], TemporaryHome]) -> None:
    graph = build_definitions(home=new_home().home).resolve_asset_graph()
    parents = {name: graph.get(dg.AssetKey(["marts", name])).parent_keys for name in ("doubled", "before_the_day")}
    assert parents["doubled"] == {dg.AssetKey(["marts", "daily_visits"])}
    assert parents["before_the_day"] == {dg.AssetKey(["serving", "doubled"])}
