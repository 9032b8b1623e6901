"""Nothing reaches `serving` for a day that broke a blocking rule; the days beside it are published all the same.

Each is shown twice: for a rule of a contract, which rejects a delivery, and for a blocking test of dbt.
"""

from __future__ import annotations

import datetime as dt
import subprocess
from collections.abc import Callable
from decimal import Decimal

import dagster as dg
import pytest
from tests.support.runs.home import FIRST_DAY, NewHome, TemporaryHome
from tests.support.runs.landing import REGIONS, Landing, Line, sound_lines

from tidegate.lake.reading.query import run_query
from tidegate.orchestration.assembly import build_definitions
from tidegate.orchestration.assets.serving import serving_key
from tidegate.orchestration.names import raw_key
from tidegate.orchestration.runs import RunOutcome
from tidegate.window import ONE_DAY, Cadence, Window

MONTH = Window(FIRST_DAY, FIRST_DAY + ONE_DAY * 31)
BAD_DAY = FIRST_DAY + ONE_DAY * 17

Spoiling = Callable[[Landing, dt.date], None]


def break_the_contract(landing: Landing, day: dt.date) -> None:
    landing.spoil(day, "north")


def break_a_dbt_test(landing: Landing, day: dt.date) -> None:
    """A line of nothing: the contract of these tests allows it, dbt's blocking test does not."""
    nothing = Line("nothing", day, quantity=0)
    landing.orders(day, "north", [*sound_lines(day, "north", unit_price="99.0000"), nothing])


SPOILINGS = [
    pytest.param(break_the_contract, "orders/north {day} rejected: ", id="raw rule"),
    pytest.param(
        break_a_dbt_test,
        "staging/stg_orders {day}: the check stg_orders_amounts_are_plausible failed",
        id="dbt test",
    ),
]


def deliver(landing: Landing, window: Window) -> None:
    for day in window.days:
        landing.day(day)


def sales_as_a_consumer_reads_them(home: TemporaryHome) -> list[tuple[object, ...]]:
    return list(run_query(home.home.lake_config, "from serving.daily_sales order by order_date").rows)


def promote_by_hand(home: TemporaryHome, day: dt.date) -> dg.ExecuteInProcessResult:
    """Materialize the serving assets and nothing else, as one may in the UI."""
    definitions = build_definitions(home=home.home)
    return definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        asset_selection=[serving_key(mart.name) for mart in home.home.gate_requirements.marts],
        partition_key=str(day),
        instance=home.runner.instance,
        raise_on_error=False,
    )


def published_days(home: TemporaryHome) -> set[dt.date]:
    weekly = {mart.name for mart in home.home.weekly_requirements.marts}
    return {day for _, mart, day in home.contents("serving") if mart not in weekly}


def assert_failed_in_dagster(home: TemporaryHome, outcome: RunOutcome) -> None:
    run = home.runner.instance.get_run_by_id(outcome.run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.FAILURE


@pytest.mark.parametrize(("spoiling", "why"), SPOILINGS)
def test_a_bad_day_leaves_what_was_published_until_it_is_mended(
    temporary_home: TemporaryHome, spoiling: Spoiling, why: str
) -> None:
    home = temporary_home
    home.landing.day(FIRST_DAY)
    home.run(FIRST_DAY)
    published = home.contents("serving")
    sales = sales_as_a_consumer_reads_them(home)
    assert [row[0] for row in sales] == [FIRST_DAY]

    spoiling(home.landing, FIRST_DAY)
    (outcome,) = home.run(FIRST_DAY)
    assert outcome.published == ()
    assert why.format(day=FIRST_DAY) in " ".join(outcome.held[FIRST_DAY])
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


@pytest.mark.parametrize(("spoiling", "why"), SPOILINGS)
def test_one_bad_day_of_a_month_is_held_alone(temporary_home: TemporaryHome, spoiling: Spoiling, why: str) -> None:
    home = temporary_home
    deliver(home.landing, MONTH)
    spoiling(home.landing, BAD_DAY)
    good_days = set(MONTH.days) - {BAD_DAY}

    outcome, of_mondays, of_next_monday = home.backfill(MONTH)
    # Mondays do not wait for a held day; those after it count it as unpublished.
    assert of_mondays.published == tuple(Cadence.weekly.among(MONTH).days)
    # The month ends with a whole week.
    assert of_next_monday.published == (MONTH.end,)
    assert set(outcome.published) == good_days
    assert list(outcome.held) == [BAD_DAY]
    assert why.format(day=BAD_DAY) in " ".join(outcome.held[BAD_DAY])
    assert_failed_in_dagster(home, outcome)
    assert published_days(home) == good_days
    assert set(home.partitions_in_serving().values()) == {(frozenset(good_days), frozenset({BAD_DAY}))}
    assert {held for held, _ in home.gate_in(home.runner.instance, BAD_DAY)} == {False}
    assert all(why.format(day=BAD_DAY) in told for _, told in home.gate_in(home.runner.instance, BAD_DAY))
    of_raw = home.partitions_in(home.runner.instance, raw_key("orders", "north"))
    assert of_raw[1] == ({BAD_DAY} if "rejected" in why else set())

    home.landing.day(BAD_DAY)
    mended, *restated = home.run(BAD_DAY)
    assert mended.published == (BAD_DAY,)
    assert all(outcome.restates and outcome.succeeded for outcome in restated)
    assert restated[-1].published == tuple(Cadence.weekly.among(Window(BAD_DAY + ONE_DAY, MONTH.end + ONE_DAY)).days)
    assert published_days(home) == set(MONTH.days)
    assert set(home.partitions_in_serving().values()) == {(frozenset(MONTH.days), frozenset())}


def test_dagster_job_execute_does_the_same(new_home: NewHome) -> None:
    by_runner, by_dagster = new_home(), new_home()
    for home in (by_runner, by_dagster):
        home.landing.day(FIRST_DAY)
    by_runner.run(FIRST_DAY)

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
    assert by_dagster.contents() == by_runner.contents()
    assert len(REGIONS) * 3 == by_dagster.query("select count(*) from raw.orders")[0][0]
