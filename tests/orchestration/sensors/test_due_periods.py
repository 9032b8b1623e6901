"""Mondays are built when their time comes, and again when days behind them changed: one run for all that changed."""

from __future__ import annotations

import datetime as dt

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from tests.support.runs.home import NewHome, TemporaryHome
from tests.support.runs.today import TODAY, ZONE, at
from tests.support.runs.watched import NOW, Watched, delivery, requests_of, said

from tidegate.orchestration.names import BUILD_JOBS, CAUSE_TAG, REASON_TAG
from tidegate.orchestration.partition_definitions import partitions_of
from tidegate.orchestration.partitions import first_partition, window_of_tags
from tidegate.orchestration.schedules import runs_of_periods
from tidegate.orchestration.sensors.due_partitions import look_for_due_partitions
from tidegate.window import ONE_DAY, ONE_WEEK, Cadence, Window

# The newest Monday that has a whole week of the past before it, and the days of that week.
MONDAY = TODAY - ONE_DAY * (TODAY.weekday() + 7)
WEEK = Window(MONDAY - ONE_WEEK, MONDAY)
# The tests' partitions begin long enough before it.
START = MONDAY - 5 * ONE_WEEK
AT_SIX = at(MONDAY, dt.time(6))


@pytest.fixture(scope="module")
def module_home(new_module_home: NewHome) -> TemporaryHome:
    return new_module_home(start_date=START, timezone=ZONE, breaker_pause_seconds=60, breaker_longest_pause_seconds=300)


def publish(watched: Watched, *days: dt.date) -> None:
    for day in days:
        rows = [delivery("orders", region, day, f"{region} {day}", "1") for region in ("north", "south")]
        watched.write([*rows, delivery("customers", "crm", day, f"crm {day}", "1")])
        watched.publish(Window.of_day(day))


def publish_monday(watched: Watched) -> None:
    watched.publish(Window.of_day(MONDAY, Cadence.weekly))


def look(watched: Watched, now: dt.datetime = NOW) -> dg.SensorResult:
    return look_for_due_partitions(watched.home, watched.instance, Cadence.weekly, now)


def mondays(requests: list[dg.RunRequest]) -> list[str]:
    return [str(window_of_tags(request.tags, Cadence.weekly)) for request in requests]


def scheduled(watched: Watched, now: dt.datetime = AT_SIX) -> list[str]:
    runs = runs_of_periods(watched.home, watched.instance, Cadence.weekly, now)
    return mondays(runs) if isinstance(runs, list) else []


@pytest.mark.slow
def test_a_monday_is_built_at_its_time_and_only_once(watched: Watched) -> None:
    assert scheduled(watched) == []
    publish(watched, WEEK.start)
    assert scheduled(watched) == [str(MONDAY)]
    run = watched.run(BUILD_JOBS[Cadence.weekly], Window.of_day(MONDAY, Cadence.weekly))
    assert scheduled(watched) == []
    watched.end(run, DagsterRunStatus.SUCCESS)
    publish_monday(watched)
    assert scheduled(watched) == []


def test_one_monday_that_was_missed_is_caught_up_on(watched: Watched) -> None:
    publish(watched, WEEK.start - ONE_WEEK)
    assert scheduled(watched) == [f"{MONDAY - ONE_WEEK}..{MONDAY}"]
    # After a long silence it is the newest ones, not all.
    assert scheduled(watched, AT_SIX + 4 * ONE_WEEK) == [f"{MONDAY + 3 * ONE_WEEK}..{MONDAY + 4 * ONE_WEEK}"]


@pytest.mark.slow
def test_a_monday_follows_its_days(watched: Watched) -> None:
    publish(watched, WEEK.start)
    assert said(look(watched)) == "No Monday is due."
    publish_monday(watched)
    assert said(look(watched)) == "No Monday is due."

    publish(watched, WEEK.start + ONE_DAY, WEEK.start + 2 * ONE_DAY)
    (request,) = requests_of(look(watched))
    assert mondays([request]) == [str(MONDAY)]
    assert request.tags[REASON_TAG] == "restatement"
    assert request.tags[CAUSE_TAG] == f"{WEEK.start + 2 * ONE_DAY}; {WEEK.start + ONE_DAY}"
    assert [again.run_key for again in requests_of(look(watched))] == [request.run_key]

    publish_monday(watched)
    assert said(look(watched)) == "No Monday is due."


@pytest.mark.slow
def test_a_monday_waits_for_days_that_are_being_built_but_not_for_ever(watched: Watched) -> None:
    publish(watched, WEEK.start)
    publish_monday(watched)
    publish(watched, WEEK.start + ONE_DAY)
    run = watched.run(BUILD_JOBS[Cadence.daily], Window.of_day(WEEK.end - ONE_DAY))
    assert said(look(watched)) == "1 due Mondays wait for what they are made of or for their next attempt."
    # By now, which may be an hour after this file was imported.
    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=2)
    assert mondays(requests_of(look(watched, later))) == [str(MONDAY)]
    watched.end(run, DagsterRunStatus.SUCCESS)
    assert mondays(requests_of(look(watched))) == [str(MONDAY)]


@pytest.mark.slow
def test_days_of_other_windows_keep_no_monday_waiting(watched: Watched) -> None:
    publish(watched, WEEK.start)
    publish_monday(watched)
    publish(watched, WEEK.start + ONE_DAY)
    watched.run(BUILD_JOBS[Cadence.daily], Window.of_day(MONDAY))
    assert mondays(requests_of(look(watched))) == [str(MONDAY)]


@pytest.mark.slow
def test_a_monday_whose_build_fails_is_tried_again_with_pauses(watched: Watched) -> None:
    publish(watched, WEEK.start)
    publish_monday(watched)
    publish(watched, WEEK.start + ONE_DAY)
    (first,) = requests_of(look(watched))
    for _ in range(3):
        watched.run(BUILD_JOBS[Cadence.weekly], Window.of_day(MONDAY, Cadence.weekly), DagsterRunStatus.FAILURE)
    assert requests_of(look(watched)) == []
    (later,) = requests_of(look(watched, NOW + dt.timedelta(days=1)))
    assert later.run_key != first.run_key


def test_weekly_partitions_are_mondays_with_a_day_before_them(watched: Watched) -> None:
    settings = watched.home.settings
    partitions = partitions_of(watched.home, Cadence.weekly)
    keys = partitions.get_partition_keys(current_time=NOW)
    assert keys[0] == str(first_partition(settings, Cadence.weekly))
    assert settings.start_date < first_partition(settings, Cadence.weekly) <= settings.start_date + ONE_WEEK
    # To Dagster a week has ended when the next begins; a Monday is there from its first minute.
    assert keys[-1] == str(TODAY - ONE_DAY * TODAY.weekday())
    assert {dt.date.fromisoformat(key).weekday() for key in keys} == {0}


def test_a_monday_needs_the_days_of_its_window(watched: Watched) -> None:
    graph = watched.temporary.definitions.resolve_asset_graph()
    node = graph.get(dg.AssetKey(["marts", "customer_rfm"]))
    mapping = node.partition_mappings[dg.AssetKey(["serving", "orders_daily_summary"])]
    days = partitions_of(watched.home, Cadence.daily)
    weeks = partitions_of(watched.home, Cadence.weekly)
    needed = mapping.get_upstream_mapped_partitions_result_for_partitions(
        weeks.subset_with_partition_keys([str(MONDAY)]), weeks, days, NOW
    ).partitions_subset.get_partition_keys()
    within = [str(day) for day in Window(START, MONDAY).days]
    assert set(within) <= set(needed)
    assert str(MONDAY) not in needed
