"""Nothing reaches `serving` for a day that broke a blocking rule; the days beside it are published all the same.

Each is shown twice: for a rule of a contract, which rejects a delivery, and for a blocking test of dbt.
"""

from __future__ import annotations

import datetime as dt
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import dagster as dg
import pytest
from tests.support.runs.home import FIRST_DAY, NewHome, TemporaryHome
from tests.support.runs.landing import REGIONS, Landing, Line, sound_lines

from tidegate.lake.reading.query import run_query
from tidegate.orchestration.asset_keys import raw_key, serving_key
from tidegate.orchestration.outcomes import RunOutcome
from tidegate.window import ONE_DAY, Cadence, Window

# A Friday to a Sunday. The bad days are in its second week.
WEEKS = Window(FIRST_DAY, FIRST_DAY + ONE_DAY * 17)

Spoiling = Callable[[Landing, dt.date], None]


def break_the_contract(landing: Landing, day: dt.date) -> None:
    landing.spoil(day, "north")


def break_a_dbt_test(landing: Landing, day: dt.date) -> None:
    """A line of nothing: the contract of these tests allows it, dbt's blocking test does not."""
    nothing = Line("nothing", day, quantity=0)
    landing.orders(day, "north", [*sound_lines(day, "north", unit_price="99.0000"), nothing])


@dataclass(frozen=True)
class Bad:
    """A way to break a day of the weeks, and what it is held for."""

    day: dt.date
    spoil: Spoiling
    why: str

    def held_for(self, day: dt.date) -> str:
        return self.why.format(day=day)


BY_CONTRACT = Bad(FIRST_DAY + ONE_DAY * 5, break_the_contract, "orders/north {day} rejected: ")
BY_DBT = Bad(
    FIRST_DAY + ONE_DAY * 8,
    break_a_dbt_test,
    "staging/stg_orders {day}: the check stg_orders_amounts_are_plausible failed",
)


def deliver(landing: Landing, window: Window) -> None:
    for day in window.days:
        landing.day(day)


def sales_as_a_consumer_reads_them(home: TemporaryHome) -> list[tuple[object, ...]]:
    return list(run_query(home.home.lake_config, "from serving.daily_sales order by order_date").rows)


def promote_by_hand(home: TemporaryHome, day: dt.date) -> dg.ExecuteInProcessResult:
    """Materialize the serving assets and nothing else, as one may in the UI."""
    return home.definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        asset_selection=[serving_key(mart.name) for mart in home.home.requirements_of(Cadence.daily).marts],
        partition_key=str(day),
        instance=home.runner.instance,
        raise_on_error=False,
    )


def published_days(home: TemporaryHome) -> set[dt.date]:
    daily = home.home.requirements_of(Cadence.daily).names
    return {day for _, mart, day in home.contents("serving") if mart in daily}


def assert_failed_in_dagster(home: TemporaryHome, outcome: RunOutcome) -> None:
    run = home.runner.instance.get_run_by_id(outcome.run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.FAILURE


@pytest.fixture(scope="module")
def home(new_module_home: NewHome) -> TemporaryHome:
    """A home whose first day is published."""
    home = new_module_home()
    home.landing.day(FIRST_DAY)
    home.run(FIRST_DAY)
    return home


@pytest.mark.slow
def test_dagster_job_execute_does_the_same(home: TemporaryHome, new_home: NewHome) -> None:
    by_dagster = new_home()
    by_dagster.landing.day(FIRST_DAY)
    by_dagster.settings.dagster_home.mkdir(parents=True)
    command = ["dagster", "job", "execute", "-m", "tidegate.definitions", "-j", "daily"]
    tags = f'{{"dagster/partition": "{FIRST_DAY}"}}'
    executed = subprocess.run(
        [*command, "--tags", tags],
        env=by_dagster.environment,
        cwd=by_dagster.settings.home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert executed.returncode == 0, executed.stderr
    assert by_dagster.contents() == home.contents()
    assert len(REGIONS) * 3 == by_dagster.query("select count(*) from raw.orders")[0][0]


@pytest.mark.slow
def test_a_bad_day_leaves_what_was_published_until_it_is_fixed(home: TemporaryHome) -> None:
    published = home.contents("serving")
    sales = sales_as_a_consumer_reads_them(home)
    assert [row[0] for row in sales] == [FIRST_DAY]

    for bad in (BY_CONTRACT, BY_DBT):
        bad.spoil(home.landing, FIRST_DAY)
        (outcome,) = home.run(FIRST_DAY)
        assert outcome.published == ()
        assert bad.held_for(FIRST_DAY) in " ".join(outcome.held[FIRST_DAY])
        assert_failed_in_dagster(home, outcome)
        assert home.contents("serving") == published

        assert not promote_by_hand(home, FIRST_DAY).success
        assert home.contents("serving") == published
        assert sales_as_a_consumer_reads_them(home) == sales

    home.landing.day(FIRST_DAY, unit_price="20.0000")
    (outcome,) = home.run(FIRST_DAY)
    assert outcome.published == (FIRST_DAY,)
    # Per region one and two units at 20, each line less its discount of 0.1.
    assert home.query("select gross_revenue from serving.daily_sales") == [(Decimal("119.6000"),)]


@pytest.mark.slow
def test_bad_days_of_some_weeks_are_held_alone(new_home: NewHome) -> None:
    home = new_home()
    deliver(home.landing, WEEKS)
    bad_days = {BY_CONTRACT.day, BY_DBT.day}
    good_days = set(WEEKS.days) - bad_days
    for bad in (BY_CONTRACT, BY_DBT):
        bad.spoil(home.landing, bad.day)

    outcome, of_mondays, of_next_monday = home.backfill(WEEKS)
    # Mondays do not wait for a held day; those after it count it as unpublished.
    assert of_mondays.published == tuple(Cadence.weekly.among(WEEKS).days)
    # The days end with a whole week.
    assert of_next_monday.published == (WEEKS.end,)
    assert set(outcome.published) == good_days
    assert set(outcome.held) == bad_days
    assert_failed_in_dagster(home, outcome)
    assert published_days(home) == good_days
    assert set(home.partitions_in_serving().values()) == {(frozenset(good_days), frozenset(bad_days))}
    for bad in (BY_CONTRACT, BY_DBT):
        shown = home.gate_in(home.runner.instance, bad.day)
        assert {passed for passed, _ in shown} == {False}
        assert all(bad.held_for(bad.day) in why for _, why in shown)
        assert bad.held_for(bad.day) in " ".join(outcome.held[bad.day])
    # What dbt holds was loaded well.
    assert home.partitions_in(home.runner.instance, raw_key("orders", "north"))[1] == {BY_CONTRACT.day}

    fix(home, BY_CONTRACT.day)
    assert published_days(home) == set(WEEKS.days) - {BY_DBT.day}
    fix(home, BY_DBT.day)
    assert published_days(home) == set(WEEKS.days)
    assert set(home.partitions_in_serving().values()) == {(frozenset(WEEKS.days), frozenset())}


def fix(home: TemporaryHome, day: dt.date) -> None:
    """Deliver the day soundly: it is published, and the Mondays after it are restated."""
    home.landing.day(day)
    fixed, *others = home.run(day)
    assert fixed.published == (day,)
    assert all(outcome.restates and outcome.succeeded for outcome in others)
    assert others[-1].published == tuple(Cadence.weekly.among(Window(day + ONE_DAY, WEEKS.end + ONE_DAY)).days)
