"""The dbt package's macros give a moment the day that it has on the zone's calendar, and a date itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import duckdb
import jinja2
import pytest

from tidegate.lake.sql import literal, rows_relation
from tidegate.transform.package import DBT_PACKAGE
from tidegate.window import ONE_DAY, Window
from tidegate.zones import Zone

MACROS = ("days.sql", "duckdb.sql", "window.sql")
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Africa/Cairo", "Pacific/Apia")
AROUND = [dt.timedelta(microseconds=n) for n in (-1, 0)] + [dt.timedelta(hours=n) for n in (-2, 2)]
YEAR = Window(dt.date(2024, 1, 1), dt.date(2025, 1, 1))


def sql_of(macro: str, zone: Zone, offsets: Sequence[int] | None, window: Window = YEAR) -> str:
    """What the macro compiles to. dbt's variables, which the other macros read, are given as these."""
    folder = DBT_PACKAGE / "macros"
    text = "".join((folder / name).read_text() for name in MACROS).replace("tidegate.", "")
    template = jinja2.Environment(autoescape=False).from_string(f"{text}{{{{ {macro} }}}}")
    given = {
        "platform_timezone": zone.name,
        "offsets_of_timezone": offsets,
        "on_spark": False,
        "window_start": literal(window.start),
        "window_end": literal(window.end),
    }
    return template.render({name: lambda value=value: value for name, value in given.items()}).strip()


@pytest.mark.parametrize("knows_offsets", [True, False])
@pytest.mark.parametrize("name", ZONES)
def test_a_moment_is_on_the_day_of_the_zones_calendar(name: str, knows_offsets: bool) -> None:
    zone = Zone(name)
    offsets = zone.offsets if knows_offsets else None
    moments = [zone.at(day) + before for day in YEAR.days for before in AROUND]
    march = Window(dt.date(2024, 3, 1), dt.date(2024, 4, 1))
    with duckdb.connect() as con:
        rows = rows_relation({"moment": "timestamp"}, [(moment,) for moment in moments])
        day = sql_of("day_of('moment')", zone, offsets)
        inside = sql_of("happened_in_window('moment')", zone, offsets, march)
        found = con.execute(f"select {day}, {inside} from ({rows})").fetchall()

    days = [zone.day_of(moment) for moment in moments]
    assert found == [(day, day in march) for day in days]


@pytest.mark.parametrize("name", ["UTC", *ZONES])
def test_a_date_is_its_own_day(name: str) -> None:
    zone = Zone(name)
    with duckdb.connect() as con:
        rows = rows_relation({"spent_on": "date"}, [(YEAR.start,), (YEAR.start + ONE_DAY,)])
        day = sql_of("day_of('spent_on')", zone, zone.offsets)
        found = con.execute(f"select {day} from ({rows})").fetchall()

    assert found == [(YEAR.start,), (YEAR.start + ONE_DAY,)]


def test_in_utc_it_is_what_one_writes_by_hand() -> None:
    utc = Zone("UTC")

    assert sql_of("day_of('ordered_at')", utc, utc.offsets) == "cast(ordered_at as date)"
    inside = "(ordered_at >= date '2024-01-01' and ordered_at < date '2025-01-01')"
    assert sql_of("happened_in_window('ordered_at')", utc, utc.offsets) == inside
