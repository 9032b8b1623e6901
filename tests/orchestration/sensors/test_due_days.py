"""Due days are built and published by themselves: new ones, restatements in batches, and days that go on without."""

from __future__ import annotations

import dataclasses
import datetime as dt

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from tests.support.runs.landing import sound_lines
from tests.support.runs.today import at
from tests.support.runs.watched import (
    DAY,
    NEXT,
    NOW,
    THIRD,
    Watched,
    delivery,
    requests_of,
    said,
)

from tidegate.ledger.waivers import standing_waivers
from tidegate.orchestration.names import BUILD_JOBS, CAUSE_TAG, REASON_TAG, load_job
from tidegate.orchestration.partitions import window_of_tags
from tidegate.orchestration.sensors.due_partitions import look_for_due_partitions
from tidegate.window import ONE_DAY, Cadence, Window

ONE = Window.of_day(DAY)


def look(watched: Watched, now: dt.datetime = NOW) -> dg.SensorResult:
    return look_for_due_partitions(watched.home, watched.instance, Cadence.daily, now)


def asked(watched: Watched, now: dt.datetime = NOW) -> list[tuple[str, str]]:
    return [
        (request.tags[REASON_TAG], str(window_of_tags(request.tags))) for request in requests_of(look(watched, now))
    ]


def load(watched: Watched, day: dt.date, *touched: dt.date, version: str = "1") -> None:
    """Everything of a day is loaded; the orders touch the other days."""
    watched.write(
        [
            dataclasses.replace(
                delivery("orders", region, day, f"{region} {version}", version), touched=(day, *touched)
            )
            for region in ("north", "south")
        ]
    )
    watched.write([delivery("customers", "crm", day, f"crm {version}", version)])


def touch(watched: Watched, day: dt.date, *touched: dt.date, version: str = "2") -> None:
    """A late delivery of one region."""
    watched.write([dataclasses.replace(delivery("orders", "north", day, version, version), touched=touched)])


@pytest.mark.slow
def test_a_day_is_built_when_all_of_it_is_in_and_then_no_more(watched: Watched) -> None:
    touch(watched, DAY, DAY)
    assert asked(watched) == []
    load(watched, DAY)
    assert asked(watched) == [("first", str(DAY))]
    (request,) = requests_of(look(watched))
    assert request.tags[CAUSE_TAG].startswith("customers/crm ")
    watched.publish(ONE)
    idle = look(watched)
    assert (requests_of(idle), said(idle)) == ([], "No day is due.")


def test_the_order_of_what_comes_does_not_matter(watched: Watched) -> None:
    load(watched, NEXT, DAY)
    load(watched, THIRD)
    load(watched, DAY)
    assert asked(watched) == [("first", f"{DAY}..{THIRD}")]


def test_restated_days_are_runs_of_their_own_with_reason_and_cause(watched: Watched) -> None:
    load(watched, DAY)
    load(watched, NEXT)
    watched.publish(Window(DAY, THIRD))
    load(watched, THIRD)
    touch(watched, THIRD, DAY, NEXT)
    first, restated = requests_of(look(watched))
    assert first.tags[REASON_TAG] == "first"
    assert restated.tags[REASON_TAG] == "restatement"
    assert restated.tags[CAUSE_TAG] == f"orders/north {THIRD}"
    assert window_of_tags(restated.tags) == Window(DAY, THIRD)


@pytest.mark.slow
def test_only_the_days_that_were_touched_are_restated(watched: Watched) -> None:
    for day in (DAY, NEXT, THIRD):
        load(watched, day)
    watched.publish(Window(DAY, THIRD + ONE_DAY))
    touch(watched, THIRD, DAY, THIRD)
    assert asked(watched) == [("restatement", str(DAY)), ("restatement", str(THIRD))]


@pytest.mark.slow
def test_a_run_key_changes_with_what_it_answers_to_and_only_then(watched: Watched) -> None:
    load(watched, DAY)
    watched.publish(ONE)
    touch(watched, NEXT, DAY)
    (first,), (same,) = requests_of(look(watched)), requests_of(look(watched))
    assert first.run_key == same.run_key
    touch(watched, NEXT, DAY, version="3")
    (newer,) = requests_of(look(watched))
    assert newer.run_key != first.run_key


def test_a_day_that_is_being_built_or_loaded_waits(watched: Watched) -> None:
    load(watched, DAY)
    build = watched.run(BUILD_JOBS[Cadence.daily], ONE)
    assert asked(watched) == []
    watched.end(build, DagsterRunStatus.SUCCESS)
    loading = watched.run(load_job("orders"), ONE, regions=["north"])
    assert asked(watched) == []
    watched.end(loading, DagsterRunStatus.SUCCESS)
    assert asked(watched) == [("first", str(DAY))]


def test_a_restatement_waits_for_loads_of_other_days_but_not_for_ever(watched: Watched) -> None:
    load(watched, DAY)
    watched.publish(ONE)
    load(watched, NEXT)
    touch(watched, THIRD, DAY)
    watched.run(load_job("orders"), Window.of_day(THIRD), regions=["south"])
    assert asked(watched) == [("first", str(NEXT))]
    assert asked(watched, NOW + dt.timedelta(hours=2)) == [("first", str(NEXT)), ("restatement", str(DAY))]


@pytest.mark.slow
def test_a_build_that_dies_is_asked_for_again_after_growing_pauses(watched: Watched) -> None:
    load(watched, DAY)
    keys = []
    for _ in range(2):
        (request,) = requests_of(look(watched))
        keys.append(request.run_key)
        watched.run(BUILD_JOBS[Cadence.daily], ONE, DagsterRunStatus.FAILURE)
    assert len(set(keys)) == 2
    now = dt.datetime.now(dt.UTC)
    assert asked(watched, now + dt.timedelta(seconds=55)) == []
    assert asked(watched, now + dt.timedelta(seconds=65)) == [("first", str(DAY))]
    touch(watched, NEXT, DAY)
    assert asked(watched, now) == [("first", str(DAY))]


@pytest.mark.slow
def test_a_failed_build_is_asked_for_again_whatever_ran_since(watched: Watched) -> None:
    load(watched, DAY)
    (first,) = requests_of(look(watched))
    watched.run(BUILD_JOBS[Cadence.daily], ONE, DagsterRunStatus.FAILURE)
    for _ in range(61):
        watched.run(BUILD_JOBS[Cadence.daily], Window.of_day(THIRD), DagsterRunStatus.SUCCESS)
    (again,) = requests_of(look(watched))
    assert again.run_key != first.run_key


# --- days that go on without


def let_go_without(watched: Watched, source: str, on_missing: str = "publish_without") -> None:
    contract = watched.home.contracts[source]
    watched.home.contracts[source] = dataclasses.replace(
        contract,
        published_by=dt.time(6),
        on_missing=on_missing,  # type: ignore[arg-type]
    )


def a_day_without_its_customers(watched: Watched, day: dt.date = DAY) -> dt.datetime:
    """Returns when they are due."""
    watched.write([delivery("orders", region, day, "1", "1") for region in ("north", "south")])
    return at(day + ONE_DAY, dt.time(6))


def a_day_without_the_north(watched: Watched) -> dt.datetime:
    """A day that both products wait for. Returns when it is due."""
    watched.write([delivery("orders", "south", DAY, "1", "1")])
    watched.write([delivery("customers", "crm", DAY, "1", "1")])
    return at(NEXT, dt.time(6))


@pytest.mark.slow
def test_past_the_deadline_a_day_goes_on_without_and_is_restated_when_it_comes(watched: Watched) -> None:
    let_go_without(watched, "orders")
    deadline = a_day_without_the_north(watched)
    assert asked(watched, deadline - dt.timedelta(seconds=1)) == []
    (request,) = requests_of(look(watched, deadline))
    assert request.tags[CAUSE_TAG].endswith(f"without orders/north {DAY}")
    watched.publish(ONE)
    assert asked(watched) == []
    watched.write([delivery("orders", "north", DAY, "1", "1")])
    assert asked(watched) == [("restatement", str(DAY))]
    let_go_without(watched, "orders", "wait")


def test_a_product_is_built_without_waiting_for_what_another_one_needs(watched: Watched) -> None:
    """Without its customers, the day's sales are whole."""
    a_day_without_its_customers(watched)
    assert asked(watched) == [("first", str(DAY))]


@pytest.mark.slow
def test_nothing_is_waived_while_anything_else_keeps_the_day(watched: Watched) -> None:
    let_go_without(watched, "customers")
    late = a_day_without_its_customers(watched)
    for why in ("rejected", "missing"):
        with watched.home.lake() as lake:
            lake.con.execute("delete from ops.deliveries where region = 'north'")
        if why == "rejected":
            watched.write([dataclasses.replace(delivery("orders", "north", DAY, "1", "1"), verdict="rejected")])
        assert asked(watched, late) == []
        with watched.home.lake() as lake:
            assert standing_waivers(lake.con) == []
    let_go_without(watched, "customers", "wait")


@pytest.mark.slow
def test_a_delivery_that_waits_to_be_loaded_is_waited_for(watched: Watched) -> None:
    let_go_without(watched, "orders")
    deadline = a_day_without_the_north(watched)
    watched.landing.orders(DAY, "north", sound_lines(DAY, "north"))
    assert asked(watched, deadline) == []
    watched.landing.purge(DAY)
    run = watched.run(load_job("orders"), ONE)
    assert asked(watched, deadline) == []
    watched.end(run, DagsterRunStatus.SUCCESS)
    assert asked(watched, deadline) == [("first", str(DAY))]
    let_go_without(watched, "orders", "wait")


def test_a_day_of_which_nothing_came_is_not_waived(watched: Watched) -> None:
    let_go_without(watched, "customers")
    let_go_without(watched, "orders")
    assert asked(watched) == []
    with watched.home.lake() as lake:
        assert standing_waivers(lake.con) == []
    let_go_without(watched, "orders", "wait")
    let_go_without(watched, "customers", "wait")
