"""A source's sensor asks for every delivery that stands there and is not loaded, for nothing twice, and for no more."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from tests.support.runs.today import TODAY, at, days_ago
from tests.support.runs.watched import DAY, LATER, NEXT, NOW, THIRD, Watched, requests_of, said

from tidegate.contract.model import Readiness
from tidegate.home import Home
from tidegate.intake import not_loaded_yet
from tidegate.orchestration.names import load_job
from tidegate.orchestration.partitions import ended_days
from tidegate.orchestration.sensors.arrivals import Memory
from tidegate.window import ONE_DAY, Window

BOTH = [("north", DAY), ("south", DAY)]


def file_of(watched: Watched, day: dt.date, region: str = "north") -> Path:
    return watched.landing.root / "orders" / region / str(day) / "orders.csv"


def test_a_delivery_is_asked_for_until_it_is_loaded_and_no_longer(watched: Watched) -> None:
    watched.land(DAY)
    assert watched.asked() == BOTH
    assert watched.asked() == BOTH
    watched.load(BOTH)
    first = watched.look()
    assert requests_of(first) == []
    assert watched.look().cursor == first.cursor


def test_a_region_is_loaded_as_soon_as_it_is_there(watched: Watched) -> None:
    watched.land(DAY, "south")
    (request,) = requests_of(watched.look())
    assert request.asset_selection == [dg.AssetKey(["raw", "orders", "south"])]
    watched.load([("south", DAY)])
    watched.land(DAY, "north")
    assert watched.asked() == [("north", DAY)]


def test_of_a_source_that_delivers_for_years_every_older_day_has_its_turn(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(not_loaded_yet, "NEWEST_DAYS", 1)
    monkeypatch.setattr(not_loaded_yet, "OLDER_DAYS_AT_ONCE", 1)
    watched.land(DAY)
    days = len(ended_days(watched.home.settings, NOW).days)
    assert sorted(watched.asked() for _ in range(days - 1)) == [*[[]] * (days - 2), BOTH]


def test_what_a_tick_remembers_is_read_back_also_from_before_there_were_turns() -> None:
    for memory in (Memory(), Memory(frozenset({"north 2024-01-02"})), Memory(frozenset({"a 2024-01-02", "7"}), 3)):
        assert Memory.of(memory.cursor) == memory
    assert Memory.of(None) == Memory()
    assert Memory.of('["north 2024-01-02"]') == Memory(frozenset({"north 2024-01-02"}))


def test_what_was_loaded_by_hand_is_not_loaded_again(watched: Watched) -> None:
    watched.land(DAY)
    watched.load(BOTH)
    assert watched.asked() == []


def test_consecutive_days_of_the_same_regions_are_one_run(watched: Watched) -> None:
    watched.land(DAY)
    watched.land(NEXT)
    watched.land(THIRD, "south")
    assert [request.tags.get("dagster/asset_partition_range_end") for request in requests_of(watched.look())] == [
        str(NEXT),
        None,
    ]


def test_a_changed_delivery_of_an_old_day_is_a_run_for_that_day(watched: Watched) -> None:
    watched.land(DAY)
    watched.land(NEXT)
    watched.load_all()
    watched.land(DAY, "north", lines=2)
    assert watched.asked() == [("north", DAY)]


def test_a_change_that_times_do_not_tell_is_seen(watched: Watched) -> None:
    """The same size and the same time as what was there, as `cp --preserve` leaves them."""
    watched.land(DAY)
    file = file_of(watched, DAY)
    os.utime(file, (1, 1))
    watched.load_all()
    file.write_text(file.read_text().replace("books", "bears"))
    os.utime(file, (1, 1))
    assert watched.asked() == [("north", DAY)]


def test_a_folder_moved_in_with_old_times_is_seen(watched: Watched, tmp_path: Path) -> None:
    watched.land(NEXT)
    watched.load_all()
    made = tmp_path / "elsewhere"
    shutil.copytree(file_of(watched, NEXT).parent, made)
    for path in (*made.iterdir(), made):
        os.utime(path, (1, 1))
    made.rename(file_of(watched, DAY).parent)
    assert watched.asked() == [("north", DAY)]


def test_what_is_purged_asks_for_nothing_and_is_asked_for_when_it_comes_back_changed(watched: Watched) -> None:
    watched.land(DAY)
    watched.load_all()
    watched.landing.purge(DAY)
    assert watched.asked() == []
    watched.land(DAY, "north", lines=1)
    assert watched.asked() == [("north", DAY)]


def test_a_delivery_without_its_marker_waits(watched: Watched) -> None:
    watched.land(DAY)
    marker = file_of(watched, DAY).with_name("_SUCCESS")
    marker.unlink()
    assert watched.asked() == [("south", DAY)]
    marker.touch()
    assert watched.asked() == BOTH


def test_deliveries_of_days_without_a_partition_wait_for_it(watched: Watched) -> None:
    watched.land(TODAY)
    watched.land(days_ago(11))
    assert watched.asked() == []
    assert watched.asked(now=LATER) == [("north", TODAY), ("south", TODAY)]


def test_a_delivery_that_is_not_quiet_yet_is_not_lost(watched: Watched) -> None:
    watched.readiness = Readiness("quiet", 10)
    watched.land(DAY, "north")
    assert watched.asked() == []
    # Time goes by in the rule and not in the test: a file cannot be given an older ctime.
    watched.readiness = Readiness("quiet", 0)
    assert watched.asked() == [("north", DAY)]


def test_a_day_waits_for_all_of_its_regions_where_the_contract_says_so(watched: Watched) -> None:
    watched.readiness = Readiness("all_regions")
    watched.land(DAY, "north")
    watched.land(NEXT)
    assert watched.asked() == [("north", NEXT), ("south", NEXT)]
    watched.land(DAY, "south")
    watched.load([("north", NEXT), ("south", NEXT)])
    assert watched.asked() == BOTH
    watched.load(BOTH)
    watched.land(DAY, "south", lines=1)
    assert watched.asked() == [("south", DAY)]


def test_a_tick_asks_for_the_oldest_days_and_forgets_none(watched: Watched) -> None:
    watched.home = Home(watched.home.settings.model_copy(update={"chunk_days": 3}))
    for day in range(1, 10):
        watched.land(days_ago(day), "north")
    assert watched.asked() == [("north", days_ago(day)) for day in (9, 8, 7)]
    assert watched.load_all() == [("north", days_ago(day)) for day in range(9, 0, -1)]
    watched.home.close()


def test_what_is_under_way_is_not_asked_for(watched: Watched) -> None:
    watched.land(DAY)
    watched.land(NEXT, "south")
    run = watched.run(load_job("orders"), Window.of_day(DAY), regions=["north"])
    assert watched.asked() == [("south", DAY), ("south", NEXT)]
    watched.run("daily", Window(DAY, THIRD))
    assert watched.asked() == []
    watched.end(run, DagsterRunStatus.SUCCESS)


def test_a_run_key_tells_what_is_there_and_what_came_of_asking_before(watched: Watched) -> None:
    keys = []
    for lines in (3, 2, 3):
        watched.land(DAY, "north", lines=lines)
        os.utime(file_of(watched, DAY), (1, 1))
        (request,) = requests_of(watched.look())
        assert requests_of(watched.look())[0].run_key == request.run_key
        keys.append(request.run_key)
        watched.load([("north", DAY)])
    assert len(set(keys)) == 3
    watched.land(DAY, "north", lines=1)
    before = requests_of(watched.look())[0].run_key
    watched.fail_to_load()
    assert requests_of(watched.look())[0].run_key != before


def test_a_failed_load_is_asked_for_again_whatever_ran_since(watched: Watched) -> None:
    watched.land(DAY)
    keys = [requests_of(watched.look())[0].run_key]
    watched.run(load_job("orders"), Window(DAY, THIRD), DagsterRunStatus.FAILURE)
    # Even runs of its own day, where they were for another region.
    for _ in range(61):
        watched.run(load_job("orders"), Window.of_day(DAY), DagsterRunStatus.SUCCESS, regions=["south"])
    keys += [request.run_key for request in requests_of(watched.look(now=LATER))]
    assert len(set(keys)) == len(keys) == 2


def test_a_load_that_leaves_its_delivery_waiting_is_asked_for_after_growing_pauses(watched: Watched) -> None:
    """Runs that succeed and load nothing of it, as of a file that is being written to all the time."""
    watched.land(DAY, "north")
    for _ in range(2):
        assert watched.asked(now=LATER) == [("north", DAY)]
        watched.run(load_job("orders"), Window.of_day(DAY), DagsterRunStatus.SUCCESS)
    now = dt.datetime.now(dt.UTC)
    assert watched.asked(now=now + dt.timedelta(seconds=58)) == []
    assert watched.asked(now=now + dt.timedelta(seconds=62)) == [("north", DAY)]


def test_a_canceled_load_is_left_alone_for_the_longest_pause(watched: Watched) -> None:
    watched.land(DAY, "north")
    watched.run(load_job("orders"), Window.of_day(DAY), DagsterRunStatus.CANCELED)
    now = dt.datetime.now(dt.UTC)
    assert watched.asked(now=now + dt.timedelta(seconds=290)) == []
    assert watched.asked(now=now + dt.timedelta(seconds=310)) == [("north", DAY)]


def test_a_rejected_delivery_is_not_asked_for_again(watched: Watched) -> None:
    watched.land(DAY)
    watched.load(BOTH, verdict="rejected", reason="It is garbage.")
    assert watched.asked() == []


def test_what_is_overdue_is_told_once_with_region_and_day(watched: Watched) -> None:
    overdue_day = days_ago(2)
    contract = replace(watched.orders, published_by=dt.time(6))
    six = at(overdue_day + ONE_DAY, dt.time(6))
    watched.land(overdue_day, "south")
    watched.land(days_ago(3))
    watched.load([("south", overdue_day), ("north", days_ago(3)), ("south", days_ago(3))])
    assert "Overdue" not in said(watched.look(contract, six - dt.timedelta(seconds=1)))
    told = watched.look(contract, six)
    assert f"Overdue: orders has not delivered north {overdue_day}." in said(told)
    assert [(event.asset_key.path[-1], event.partition) for event in told.asset_events] == [("north", str(overdue_day))]
    assert "Overdue" not in said(watched.look(contract, six))
    watched.land(overdue_day, "north")
    watched.load([("north", overdue_day)])
    assert "Overdue" not in said(watched.look(contract, six))


def test_what_is_under_way_or_waits_to_be_loaded_is_not_overdue(watched: Watched) -> None:
    contract = replace(watched.orders, published_by=dt.time(0))
    watched.land(days_ago(1))
    watched.land(days_ago(2))
    watched.run("daily", Window(days_ago(2), TODAY))
    assert "Overdue" not in said(watched.look(contract))


def test_an_old_day_is_expected_once_something_of_it_came(watched: Watched) -> None:
    watched.land(DAY, "south")
    watched.load([("south", DAY)])
    contract = replace(watched.orders, published_by=dt.time(0))
    assert f"north {DAY}, {days_ago(2)}..{days_ago(1)}" in said(watched.look(contract))


@pytest.mark.parametrize("failures", [2, 3])
def test_an_open_breaker_asks_for_nothing_then_for_one_probe(watched: Watched, failures: int) -> None:
    watched.land(DAY)
    watched.land(NEXT)
    for _ in range(failures):
        watched.fail_to_load()
    now = dt.datetime.now(dt.UTC)
    told = watched.look(now=now)
    assert requests_of(told) == []
    assert "breaker of orders is open after" in said(told)
    assert [event.asset_key.path for event in told.asset_events] == [["sources", "orders"]]
    assert watched.look(now=now).asset_events == []
    probing = now + dt.timedelta(seconds=90)
    assert watched.asked(now=probing) == BOTH
    probe = watched.run(load_job("orders"), Window.of_day(DAY))
    assert watched.asked(now=probing) == []
    watched.end(probe, DagsterRunStatus.FAILURE)
    now = dt.datetime.now(dt.UTC)
    assert watched.asked(now=now + dt.timedelta(seconds=50)) == []


def test_a_day_that_goes_on_is_read_again_and_again_and_once_more_when_it_has_ended(watched: Watched) -> None:
    zone, every = watched.home.settings.zone, dt.timedelta(minutes=15)
    today = zone.day_of(NOW)
    begun, ends = zone.at(today), zone.at(today + ONE_DAY)
    intraday = replace(watched.orders, intraday=every)
    read_at, moment = (begun + every).replace(tzinfo=None), dt.timedelta(seconds=1)
    watched.land(today)
    # The day before has so long for what is still to come of it.
    assert watched.asked(intraday, begun + every - moment) == []
    both = [("north", today), ("south", today)]
    assert watched.asked(intraday, begun + every) == both
    until = ends.replace(tzinfo=None)
    watched.load(both, started_at=read_at - moment, finished_at=read_at, interim_until=until)
    assert watched.asked(intraday, begun + 3 * every) == []
    watched.land(today, "north", lines=5)
    assert watched.asked(intraday, begun + 2 * every - moment) == []
    assert watched.asked(intraday, begun + 2 * every) == [("north", today)]
    # What takes long is read less often.
    watched.load(both, started_at=read_at - every, finished_at=read_at, interim_until=until)
    watched.land(today, "north", lines=6)
    assert watched.asked(intraday, begun + 10 * every - moment) == []
    assert watched.asked(intraday, begun + 10 * every) == [("north", today)]
    # Of sources that are read once a day, nothing is asked before it has ended.
    assert watched.asked(now=begun + 2 * every) == []


def test_a_day_that_was_not_read_to_its_end_is_asked_for_though_nothing_came(watched: Watched) -> None:
    watched.land(DAY)
    watched.load(BOTH)
    assert watched.asked() == []
    watched.load(BOTH, interim_until=dt.datetime.combine(NEXT, dt.time()))
    assert watched.asked() == BOTH
