"""A Monday is built of the days that are published, says how many are not, and follows them when they come."""

from __future__ import annotations

import subprocess

import dagster as dg
import pytest
from tests.support.parsed import EVERY_CADENCE
from tests.support.runs.home import FIRST_DAY, NewHome, TemporaryHome
from tests.support.runs.landing import REGIONS, sound_lines
from tests.support.runs.processes import run_tidegate

from tidegate.orchestration.names import BUILD_JOBS, REASON_TAG
from tidegate.window import ONE_DAY, Cadence, Window

FRIDAY, SATURDAY, SUNDAY = (FIRST_DAY + ONE_DAY * i for i in range(3))
MONDAY = Window.of_day(SUNDAY + ONE_DAY, Cadence.weekly)


def deliver(home: TemporaryHome, *days: object) -> None:
    for day in (FRIDAY, SATURDAY, SUNDAY):
        if day in days:
            home.landing.customers(day)
            for region in REGIONS:
                home.landing.orders(day, region, sound_lines(day, region))


def unpublished_days(home: TemporaryHome) -> tuple[bool, object]:
    """What the newest result of the check in Dagster's event log says of the Monday."""
    key = dg.AssetCheckKey(dg.AssetKey(["marts", "customer_rfm"]), "customer_rfm_window_is_published")
    storage = home.runner.instance.event_log_storage
    (record,) = storage.get_asset_check_execution_history(key, limit=1)
    assert record.event is not None
    evaluation = record.event.get_dagster_event().asset_check_evaluation_data
    assert (evaluation.partition, evaluation.severity) == (str(MONDAY), dg.AssetCheckSeverity.WARN)
    return evaluation.passed, evaluation.metadata["failing_rows"].value


@pytest.mark.slow
def test_a_monday_without_one_of_its_days_says_so_and_is_restated_when_it_comes(temporary_home: TemporaryHome) -> None:
    home = temporary_home
    deliver(home, FRIDAY, SUNDAY)
    assert all(outcome.succeeded for day in (FRIDAY, SUNDAY) for outcome in home.run(day))
    assert home.runner.run(MONDAY, job=BUILD_JOBS[Cadence.weekly]).published == (MONDAY.start,)
    assert unpublished_days(home) == (False, 1)
    orders = home.query("select sum(frequency) from serving.customer_rfm")

    deliver(home, SATURDAY)
    of_day, of_monday = home.run(SATURDAY)
    assert (of_day.published, of_monday.published) == ((SATURDAY,), (MONDAY.start,))
    assert of_monday.restates
    run = home.runner.instance.get_run_by_id(of_monday.run_id)
    assert run is not None
    assert run.tags[REASON_TAG] == "restatement"
    assert run.tags["tidegate/cause"] == str(SATURDAY)
    assert unpublished_days(home) == (True, 0)
    assert home.query("select sum(frequency) from serving.customer_rfm") > orders

    # Once more, and nothing has changed: no Monday is built.
    assert [outcome.window for outcome in home.run(SATURDAY)] == [Window.of_day(SATURDAY)]


@pytest.mark.slow
def test_customers_of_a_held_day_reach_no_monday(temporary_home: TemporaryHome) -> None:
    """Regression: they are read where they are staged, which a held day's are too."""
    home = temporary_home
    deliver(home, FRIDAY, SATURDAY)
    assert all(outcome.succeeded for day in (FRIDAY, SATURDAY) for outcome in home.run(day))
    assert home.runner.run(MONDAY, job=BUILD_JOBS[Cadence.weekly]).succeeded
    customers = "select count(*) from serving.customer_rfm"
    assert home.query(customers) == [(2,)]

    home.landing.customers(SATURDAY, ["c1"])
    home.landing.spoil(SATURDAY, REGIONS[0])
    assert all(set(outcome.held) == {SATURDAY} for outcome in home.run(SATURDAY))
    home.landing.orders(FRIDAY, REGIONS[0], sound_lines(FRIDAY, REGIONS[0], "20.0000"))
    _, of_monday = home.run(FRIDAY)
    assert of_monday.published == (MONDAY.start,)
    assert home.query(customers) == [(2,)]

    # Once the day is let in, so is its Monday.
    home.landing.orders(SATURDAY, REGIONS[0], sound_lines(SATURDAY, REGIONS[0]))
    of_day, of_monday = home.run(SATURDAY)
    assert (of_day.published, of_monday.published) == ((SATURDAY,), (MONDAY.start,))
    assert home.query(customers) == [(1,)]


@pytest.mark.slow
def test_the_command_line_builds_mondays_and_says_what_there_is_to_choose(new_home: NewHome) -> None:
    home = new_home(**EVERY_CADENCE)

    def tidegate(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run_tidegate(home.environment, *arguments)

    deliver(home, FRIDAY, SATURDAY, SUNDAY)
    done = tidegate("backfill", "--from", str(FRIDAY), "--to", str(SUNDAY))
    assert (done.returncode, done.stdout) == (
        0,
        "3 days published, 0 held.\n3 mornings published, 0 held.\n1 Monday published, 0 held.\n",
    )
    done = tidegate("run", "--cadence", "weekly", "--partition", str(MONDAY))
    assert (done.returncode, done.stdout) == (0, "1 Monday published, 0 held.\n")
    refused = tidegate("run", "--cadence", "weekly", "--partition", str(SUNDAY))
    assert refused.returncode == 1
    assert f"There is no weekly partition {SUNDAY}: partitions are Mondays, written as {MONDAY.start}," in " ".join(
        refused.stderr.split()
    )
