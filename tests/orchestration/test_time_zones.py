"""Dagster's partitions, deadlines and schedules are those of the platform's time zone."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.runs.home import CONTRACTS, NewHome, settings_of

from tidegate.contract.reading.odcs import load_contract
from tidegate.errors import TidegateError
from tidegate.home import Home
from tidegate.orchestration.partition_definitions import partitions_of
from tidegate.orchestration.partitions import accepted_window, ended_days
from tidegate.orchestration.schedules import build_schedules
from tidegate.settings import Settings
from tidegate.window import ONE_DAY, Cadence
from tidegate.zones import Zone

SECOND = dt.timedelta(seconds=1)
# The first midnights after a day of 23 hours, after one of 25, and after one that never changes, in UTC.
MIDNIGHTS = [
    ("Europe/Berlin", dt.date(2024, 3, 31), dt.datetime(2024, 3, 31, 22, tzinfo=dt.UTC), 23),
    ("Europe/Berlin", dt.date(2024, 10, 27), dt.datetime(2024, 10, 27, 23, tzinfo=dt.UTC), 25),
    ("America/New_York", dt.date(2024, 3, 10), dt.datetime(2024, 3, 11, 4, tzinfo=dt.UTC), 23),
    ("America/New_York", dt.date(2024, 11, 3), dt.datetime(2024, 11, 4, 5, tzinfo=dt.UTC), 25),
    ("Asia/Kolkata", dt.date(2024, 3, 31), dt.datetime(2024, 3, 31, 18, 30, tzinfo=dt.UTC), 24),
]


def in_zone(zone: str, folder: Path) -> Settings:
    return settings_of(folder / "home", timezone=zone)


@pytest.mark.parametrize(("zone", "day", "midnight", "hours"), MIDNIGHTS)
def test_a_day_has_a_partition_once_it_has_ended_there(
    zone: str, day: dt.date, midnight: dt.datetime, hours: int, tmp_path: Path
) -> None:
    settings = in_zone(zone, tmp_path)
    partitions = partitions_of(Home(settings), Cadence.daily)

    assert ended_days(settings, midnight - SECOND).last == day - ONE_DAY
    assert ended_days(settings, midnight).last == day
    for moment, newest in ((midnight - SECOND, day - ONE_DAY), (midnight, day)):
        assert partitions.get_partition_keys(current_time=moment)[-1] == str(newest)
    window = partitions.time_window_for_partition_key(str(day))
    assert (window.end.timestamp() - window.start.timestamp(), window.end) == (hours * 3600, midnight)


@pytest.mark.parametrize(("zone", "day", "midnight", "hours"), MIDNIGHTS)
def test_a_deadline_is_by_the_clock_there(zone: str, day: dt.date, midnight: dt.datetime, hours: int) -> None:
    contract = load_contract(CONTRACTS / "orders.odcs.yaml", Zone(zone))
    assert contract.deadline(day) is None

    deadline = replace(contract, published_by=dt.time(6)).deadline(day)
    assert deadline == midnight + dt.timedelta(hours=6)


def test_a_day_that_has_not_ended_there_is_refused(tmp_path: Path) -> None:
    # Their days begin 25 hours apart.
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        home = Home(in_zone(zone, tmp_path))
        today = Zone(zone).today()
        with pytest.raises(TidegateError, match=f"has not ended yet, today is {today} .{zone}."):
            accepted_window(home, (str(today), str(today)), Cadence.daily)
        assert accepted_window(home, (str(today - ONE_DAY),) * 2, Cadence.daily).last == today - ONE_DAY


def test_schedules_run_by_the_clock_there(new_home: NewHome) -> None:
    home = new_home(timezone="America/New_York").home

    assert {schedule.execution_timezone for schedule in build_schedules(home)} == {"America/New_York"}
    mondays = partitions_of(home, Cadence.weekly)
    last = dt.datetime(2024, 11, 4, 5, tzinfo=dt.UTC)
    assert mondays.get_partition_keys(current_time=last - SECOND)[-1] == "2024-10-28"
    assert mondays.get_partition_keys(current_time=last)[-1] == "2024-11-04"
