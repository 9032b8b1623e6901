"""Rows are of the days of the platform's time zone, whichever clock their region writes by."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from tests.support.intake.fixtures import OpenShop
from tests.support.intake.shop import HEADER, SALES, Shop

from tidegate.contract.reading.odcs import load_contract
from tidegate.window import ONE_DAY, Window
from tidegate.zones import Zone

TWO_CLOCKS = (
    SALES.replace(
        '"sales/north/{day}", format: auto}',
        '"sales/north/{day}", format: auto, customProperties: [{property: timezone, value: Europe/Berlin}]}',
    )
    .replace(
        '"sales/south/{day}", format: auto}',
        '"sales/south/{day}", format: auto, customProperties: [{property: timezone, value: America/New_York}, '
        "{property: timesAtClockChanges, value: later}]}",
    )
    .replace("value: 74", "value: 99")
    + "  - {property: allowedLatenessDays, value: 1}\n"
)


def shop_in(zone: str, open_shop: OpenShop) -> Shop:
    shop = open_shop(TWO_CLOCKS)
    shop.contract = load_contract(shop.contract.path, Zone(zone))
    return shop


def sold_at(*times: str) -> bytes:
    return "\n".join([HEADER, *(f"{at},1,,1.50,{at}" for at in times), ""]).encode()


def in_raw(shop: Shop) -> dict[str, str]:
    return {written: str(moment) for written, moment in shop.raw("sale_id, sold_at")}


def reasons(shop: Shop) -> dict[str, list[str]]:
    rows: list[tuple[Any, ...]] = shop.quarantined("raw::json ->> 'sale_id', reasons")
    return dict(rows)


@pytest.mark.parametrize(
    ("zone", "day", "times", "future", "late"),
    [
        # A file of a business day in the US: its evening is of the next UTC day.
        (
            "America/New_York",
            dt.date(2024, 3, 5),
            ("2024-03-05T09:00:00-05:00", "2024-03-05T23:59:59-05:00", "2024-03-06T04:59:59Z"),
            ("2024-03-06T00:00:00-05:00", "2024-03-06T05:00:00Z"),
            ("2024-03-04T04:59:59Z",),
        ),
        # The day of 23 hours: from 23:00 to 22:00 in UTC.
        (
            "Europe/Berlin",
            dt.date(2024, 3, 31),
            ("2024-03-30T23:00:00Z", "2024-03-31T21:59:59Z", "2024-03-29T23:00:00Z"),
            ("2024-03-31T22:00:00Z",),
            ("2024-03-29T22:59:59Z",),
        ),
        # The day of 25 hours: from 22:00 to 23:00.
        (
            "Europe/Berlin",
            dt.date(2024, 10, 27),
            ("2024-10-26T22:00:00Z", "2024-10-27T22:59:59Z", "2024-10-25T22:00:00Z"),
            ("2024-10-27T23:00:00Z",),
            ("2024-10-25T21:59:59Z",),
        ),
        (
            "Asia/Kolkata",
            dt.date(2024, 3, 5),
            ("2024-03-04T18:30:00Z", "2024-03-05T18:29:59Z"),
            ("2024-03-05T18:30:00Z",),
            ("2024-03-03T18:29:59Z",),
        ),
    ],
)
def test_a_row_is_of_the_platforms_day(
    zone: str, day: dt.date, times: tuple[str, ...], future: tuple[str, ...], late: tuple[str, ...], open_shop: OpenShop
) -> None:
    shop = shop_in(zone, open_shop)
    shop.deliver("west", sold_at(*times, *future, *late), day)
    (report,) = [each for each in shop.load_each(Window.of_day(day)).values() if each.region == "west"]

    assert set(shop.raw()) == set(times)
    assert reasons(shop) == {time: ["in_the_future"] for time in future} | {time: ["too_late"] for time in late}
    moments = [dt.datetime.fromisoformat(time) for time in times]
    assert report.touched == tuple(sorted({Zone(zone).day_of(moment) for moment in moments}))


def test_regions_that_write_by_different_clocks_are_read_each_by_its_own(open_shop: OpenShop) -> None:
    shop = shop_in("Europe/Berlin", open_shop)
    day = dt.date(2024, 3, 5)
    for region, files in {
        "north": sold_at("2024-03-05 00:00:00", "2024-03-05 23:59:59", "2024-03-06 00:00:00"),
        "south": sold_at("2024-03-04 18:00:00", "2024-03-05 17:59:59", "2024-03-05 18:00:00"),
        "west": sold_at("2024-03-04 23:00:00", "2024-03-05 22:59:59", "2024-03-05 23:00:00"),
    }.items():
        shop.deliver(region, files, day)
    reports = shop.load_each(Window.of_day(day))

    assert {region: report.touched for (region, _), report in reports.items()} == dict.fromkeys(
        ("north", "south", "west"), (day,)
    )
    assert in_raw(shop) == {
        "2024-03-05 00:00:00": "2024-03-04 23:00:00",
        "2024-03-04 18:00:00": "2024-03-04 23:00:00",
        "2024-03-04 23:00:00": "2024-03-04 23:00:00",
        "2024-03-05 23:59:59": "2024-03-05 22:59:59",
        "2024-03-05 17:59:59": "2024-03-05 22:59:59",
        "2024-03-05 22:59:59": "2024-03-05 22:59:59",
    }
    ended = ("2024-03-06 00:00:00", "2024-03-05 18:00:00", "2024-03-05 23:00:00")
    assert reasons(shop) == {time: ["in_the_future"] for time in ended}


def test_a_time_that_the_clock_skipped_or_showed_twice_is_taken_as_the_contract_says(open_shop: OpenShop) -> None:
    shop = shop_in("UTC", open_shop)
    spring, autumn = dt.date(2024, 3, 31), dt.date(2024, 10, 27)
    shop.deliver("north", sold_at("2024-03-31 01:59:00", "2024-03-31 02:30:00", "2024-03-31 03:00:00"), spring)
    shop.deliver("north", sold_at("2024-10-27 01:59:00", "2024-10-27 02:30:00", "2024-10-27 03:00:00"), autumn)
    shop.deliver("south", sold_at("2024-03-10 02:30:00"), dt.date(2024, 3, 10))
    shop.deliver("south", sold_at("2024-11-03 01:30:00"), dt.date(2024, 11, 3))
    shop.load(Window(dt.date(2024, 3, 1), dt.date(2024, 11, 3) + ONE_DAY))

    assert in_raw(shop) == {
        "2024-03-31 01:59:00": "2024-03-31 00:59:00",
        "2024-03-31 03:00:00": "2024-03-31 01:00:00",
        "2024-10-27 01:59:00": "2024-10-26 23:59:00",
        "2024-10-27 03:00:00": "2024-10-27 02:00:00",
        "2024-03-10 02:30:00": "2024-03-10 07:30:00",
        "2024-11-03 01:30:00": "2024-11-03 06:30:00",
    }
    assert reasons(shop) == {
        "2024-03-31 02:30:00": ["nonexistent_sold_at"],
        "2024-10-27 02:30:00": ["ambiguous_sold_at"],
    }
