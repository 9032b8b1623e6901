"""The daily schedule runs what is whole, catches up on a bounded number of days, and says what it waits for."""

from __future__ import annotations

import datetime as dt
import shutil
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from tests.support.parsed import EVERY_CADENCE
from tests.support.runs.home import NewHome
from tests.support.runs.today import TODAY, at, days_ago
from tests.support.runs.watched import NOW, Watched, delivery

from tidegate.contract.files import FileOptions
from tidegate.contract.http import HttpServer
from tidegate.contract.model import Region
from tidegate.orchestration.history.contacts import contact
from tidegate.orchestration.names import DAILY_JOB
from tidegate.orchestration.partitions import window_of_tags
from tidegate.orchestration.schedules import runs_of_ended_days
from tidegate.window import Window

MIDNIGHT = at(TODAY)


def asked(watched: Watched, now: dt.datetime = MIDNIGHT) -> list[str]:
    result = runs_of_ended_days(watched.home, watched.instance, now)
    return [str(window_of_tags(request.tags)) for request in result] if isinstance(result, list) else []


def told(watched: Watched) -> str:
    result = runs_of_ended_days(watched.home, watched.instance, MIDNIGHT)
    assert isinstance(result, dg.SkipReason)
    return result.skip_message or ""


def test_the_day_that_ended_is_run_when_all_of_it_is_there(watched: Watched) -> None:
    watched.landing.customers(days_ago(1))
    watched.land(days_ago(1), "north")
    assert asked(watched) == []
    watched.land(days_ago(1), "south")
    assert asked(watched) == [str(days_ago(1))]


@pytest.mark.slow
def test_it_says_what_is_awaited(watched: Watched) -> None:
    for day in range(2, 9):
        watched.landing.day(days_ago(day))
        watched.load([("north", days_ago(day)), ("south", days_ago(day))])
        watched.write([delivery("customers", "crm", days_ago(day), "1", "1")])
    watched.publish(Window(days_ago(8), days_ago(1)))
    watched.landing.customers(days_ago(1))
    watched.land(days_ago(1), "north")
    assert told(watched).startswith(f"Waiting for orders/south {days_ago(1)}.")


def test_after_downtime_it_catches_up_in_few_runs_and_no_further_back_than_set(watched: Watched) -> None:
    for day in range(1, 11):
        watched.landing.day(days_ago(day))
    assert asked(watched) == [f"{days_ago(8)}..{days_ago(1)}"]


def test_nothing_is_run_twice(watched: Watched) -> None:
    watched.landing.day(days_ago(1))
    watched.run(DAILY_JOB, Window.of_day(days_ago(1)))
    assert asked(watched) == []


@pytest.mark.slow
def test_a_day_that_is_published_or_that_its_checks_hold_is_left_alone(watched: Watched) -> None:
    for day in (1, 2, 3, 4, 5, 6, 7, 8):
        watched.write([delivery("orders", region, days_ago(day), "1", "1") for region in ("north", "south")])
        watched.write([delivery("customers", "crm", days_ago(day), "1", "1")])
    watched.publish(Window(days_ago(8), TODAY))
    assert "published" in told(watched)
    # Its newest delivery is rejected: running it again rejects it again.
    watched.write([replace(delivery("orders", "north", days_ago(1), "2", "2"), verdict="rejected")])
    assert asked(watched) == []


def test_a_rejected_delivery_is_awaited_and_not_run_again(watched: Watched) -> None:
    watched.landing.day(days_ago(1))
    watched.write([replace(delivery("orders", "north", days_ago(1), "2", "2"), verdict="rejected")])
    assert asked(watched) == []
    assert f"orders/north {days_ago(8)}..{days_ago(1)}" in told(watched)


def test_an_api_is_part_of_the_run_unless_its_breaker_is_open(watched: Watched) -> None:
    orders = watched.home.contracts["orders"]
    server = HttpServer("{base}/orders?as_of={day}", "SHOP_URL", "orders")
    watched.home.contracts["orders"] = replace(
        orders, regions=(Region("north", server, FileOptions("json")), orders.regions[1])
    )
    watched.land(days_ago(1))
    assert asked(watched) == [str(days_ago(1))]
    for _ in range(2):
        watched.instance.report_runless_asset_event(contact("orders", "503"))
    just_then = dt.datetime.now(dt.UTC)
    assert str(days_ago(1)) not in asked(watched, max(just_then, NOW))
    watched.home.contracts["orders"] = orders


def test_a_product_is_run_without_waiting_for_what_another_one_needs(watched: Watched) -> None:
    watched.landing.day(days_ago(1))
    shutil.rmtree(watched.landing.root / "customers")
    assert asked(watched) == [str(days_ago(1))]


def test_all_of_it_runs_when_deployed(new_home: NewHome) -> None:
    repository = new_home(**EVERY_CADENCE).definitions.get_repository_def()
    # As a code server does: two things of one name are refused then.
    repository.load_all_definitions()
    sensors = {sensor.name: sensor for sensor in repository.sensor_defs}
    due = {"days_due", "morning_due", "weekly_due", "monthly_due"}
    due |= {"outputs_due", "morning_outputs_due", "weekly_outputs_due", "monthly_outputs_due"}
    assert set(sensors) == {"customers_arrivals", "orders_arrivals", "run_keeper", "alerting"} | due
    assert {sensor.default_status for sensor in sensors.values()} == {dg.DefaultSensorStatus.RUNNING}
    schedules = {schedule.name: schedule.cron_schedule for schedule in repository.schedule_defs}
    assert schedules == {
        "daily": "0 0 * * *",
        "morning": "0 6 * * *",
        "weekly": "0 6 * * 1",
        "monthly": "0 6 1 * *",
        "weekly_maintenance": "0 3 * * 0",
    }
    assert {schedule.default_status for schedule in repository.schedule_defs} == {dg.DefaultScheduleStatus.RUNNING}


def test_a_schedules_tick_is_a_run_that_dagster_accepts(watched: Watched, tmp_path: Path) -> None:
    watched.landing.day(days_ago(1))
    repository = watched.temporary.definitions.get_repository_def()
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        context = dg.build_schedule_context(instance, MIDNIGHT, repository_def=repository)
        requests = repository.get_schedule_def("daily").evaluate_tick(context).run_requests or []
    assert [request.tags["dagster/partition"] for request in requests] == [str(days_ago(1))]
