"""The day of a moment in SQL is the one that Python's zoneinfo gives."""

from __future__ import annotations

import datetime as dt

import duckdb
import pytest

from tidegate.lake.moments import day_of
from tidegate.lake.sql import rows_relation
from tidegate.window import ONE_DAY
from tidegate.zones import UTC, Zone

ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Africa/Cairo", "Atlantic/Azores", "Pacific/Apia")


@pytest.mark.parametrize("name", ZONES)
def test_the_day_of_a_moment_is_the_one_on_the_zones_calendar(name: str) -> None:
    zone = Zone(name)
    days = [dt.date(2024, 1, 1) + ONE_DAY * n for n in range(367)] + [dt.date(2011, 12, 29), dt.date(1947, 5, 11)]
    around = [dt.timedelta(microseconds=n) for n in (-1, 0, 1)] + [dt.timedelta(hours=n) for n in (-2, -1, 1, 2)]
    moments = [zone.at(day) + before for day in days for before in around]
    with duckdb.connect() as con:
        # It must not depend on the session's zone.
        con.execute("set TimeZone = 'Australia/Sydney'")
        rows = rows_relation({"moment": "timestamp"}, [(moment,) for moment in moments])
        found = con.execute(f"select moment, {day_of('moment', zone)} from ({rows})").fetchall()

    assert len(found) == len(moments)
    assert [day for _, day in found] == [zone.day_of(moment.replace(tzinfo=dt.UTC)) for moment, _ in found]


def test_in_utc_it_is_a_plain_cast() -> None:
    assert day_of("ordered_at", UTC) == "ordered_at::date"
