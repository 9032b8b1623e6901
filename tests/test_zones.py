"""Days of a time zone: 23 and 25 hours long at a clock change, and as a clock there showed them."""

from __future__ import annotations

import datetime as dt

import pytest

from tidegate.window import ONE_DAY
from tidegate.zones import UTC, Zone

HOUR = dt.timedelta(hours=1)


def utc(year: int, month: int, day: int, hour: int, minute: int = 0) -> dt.datetime:
    return dt.datetime(year, month, day, hour, minute, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("name", "day", "hours"),
    [
        ("UTC", dt.date(2024, 3, 31), 24),
        ("Europe/Berlin", dt.date(2024, 3, 31), 23),
        ("Europe/Berlin", dt.date(2024, 10, 27), 25),
        ("America/New_York", dt.date(2024, 3, 10), 23),
        ("America/New_York", dt.date(2024, 11, 3), 25),
        ("Asia/Kolkata", dt.date(2024, 3, 31), 24),
        # The clock skips midnight itself.
        ("Africa/Cairo", dt.date(2024, 4, 26), 23),
        # It shows midnight twice.
        ("Atlantic/Azores", dt.date(2024, 10, 27), 25),
        # A day that there never was.
        ("Pacific/Apia", dt.date(2011, 12, 30), 0),
    ],
)
def test_a_day_is_as_long_as_the_clock_makes_it(name: str, day: dt.date, hours: int) -> None:
    zone = Zone(name)
    begins, ends = zone.at(day), zone.at(day + ONE_DAY)

    assert ends - begins == hours * HOUR
    assert zone.day_of(begins - dt.timedelta(microseconds=1)) < zone.day_of(ends)
    if hours:
        assert {zone.day_of(begins), zone.day_of(ends - dt.timedelta(microseconds=1))} == {day}


def test_a_time_of_day_is_by_the_zones_clock() -> None:
    berlin = Zone("Europe/Berlin")

    assert berlin.at(dt.date(2024, 3, 30), dt.time(6)) == utc(2024, 3, 30, 5)
    assert berlin.at(dt.date(2024, 3, 31), dt.time(6)) == utc(2024, 3, 31, 4)
    assert berlin.at(dt.date(2024, 3, 31), dt.time(2, 30)) == utc(2024, 3, 31, 1, 30), "half past three there"
    assert berlin.at(dt.date(2024, 10, 27), dt.time(2, 30)) == utc(2024, 10, 27, 0, 30), "the first of two"


def test_every_name_of_utc_is_one_zone() -> None:
    assert Zone("Etc/UTC") == Zone("Zulu") == UTC
    assert (UTC.is_utc, Zone("Europe/London").is_utc) == (True, False)


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("Europe/Berln", "write 'Europe/Berlin'"),
        ("europe/berlin", "write 'Europe/Berlin'"),
        ("Mars/Base", "write an IANA name"),
        ("", "write an IANA name"),
        ("../localtime", "is not a time zone"),
        ("localtime", "is not a time zone"),
    ],
)
def test_a_zone_that_nobody_knows_is_refused_with_one_that_is_known(name: str, instead: str) -> None:
    with pytest.raises(ValueError, match=instead):
        Zone(name)
