"""Marts of days in a time zone equal what pandas makes of the delivered files, over changes of its clock and of others.

The regions write naive local times by clocks of their own, which are changed on other days than the platform's.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest
from tests.support.examples import THOROUGH
from tests.support.runs.home import NewHome, TemporaryHome
from tests.support.runs.rfm_in_pandas import COLUMNS, rfm
from tests.support.runs.zoned_shop import MEASURES, deliver, figures, read_files, write_contracts

from tidegate.orchestration.names import BUILD_JOBS
from tidegate.window import ONE_DAY, Cadence, Window

# The days around all changes of 2024 in the United States and in Europe, each with a Monday in it.
AROUND_CHANGES = [
    Window(first, first + 4 * ONE_DAY)
    for first in (dt.date(2024, 3, 9), dt.date(2024, 3, 30), dt.date(2024, 10, 26), dt.date(2024, 11, 2))
]

# By zone: New York's clock is changed in the second week of March and the first of November, Kolkata's never.
WINDOWS = {
    "Europe/Berlin": AROUND_CHANGES,
    "America/New_York": AROUND_CHANGES if THOROUGH else AROUND_CHANGES[::3],
    "Asia/Kolkata": AROUND_CHANGES if THOROUGH else AROUND_CHANGES[1:3],
}

# What each mart has a row of, as columns of pandas' lines and of the mart.
GRAINS = {
    "daily_sales": {"day": "order_date"},
    "daily_sales_by_region": {"day": "order_date", "region": "region"},
    "daily_sales_by_category": {"day": "order_date", "category": "product_category"},
}


def home_in(zone: str, new_home: NewHome, folder: Path, windows: list[Window]) -> TemporaryHome:
    """A home of that zone in which these days were delivered and run."""
    contracts = write_contracts(folder / "contracts")
    home = new_home(timezone=zone, contracts=contracts, start_date=windows[0].start)
    for window in windows:
        deliver(home.landing, zone, window.days)
    for window in windows:
        assert all(outcome.succeeded for outcome in home.backfill(window))
    return home


def assert_marts_are_what_pandas_makes_of_the_files(home: TemporaryHome, windows: list[Window]) -> None:
    lines = read_files(home.landing.root, home.settings.timezone)
    assert set(lines["day"]) == {day for window in windows for day in window.days}
    for mart, grain in GRAINS.items():
        columns = [*grain.values(), *MEASURES]
        found = home.query(f"select {', '.join(columns)} from serving.{mart} order by {', '.join(grain.values())}")
        assert found == figures(lines, [*grain]), mart
    mondays = [monday for window in windows for monday in Cadence.weekly.among(window).days]
    assert home.query("select distinct as_of_date from serving.customer_rfm order by 1") == [(day,) for day in mondays]
    for monday in mondays:
        assert_customers_are_what_pandas_makes_of_the_files(home, lines[lines["customer"].notna()], monday)


def assert_customers_are_what_pandas_makes_of_the_files(
    home: TemporaryHome, lines: pd.DataFrame, monday: dt.date
) -> None:
    expected = rfm(lines, monday).astype(object)
    found = home.query(
        f"select {', '.join(COLUMNS)} from serving.customer_rfm where as_of_date = '{monday}' order by customer_id"
    )
    assert found == list(expected.where(expected.notna(), None).itertuples(index=False, name=None)), monday


def assert_months_are_what_pandas_makes_of_the_files(home: TemporaryHome) -> None:
    days = figures(read_files(home.landing.root, home.settings.timezone), ["day"])
    months = sorted({day.replace(day=1) for day, *_ in days})
    for month in months:
        assert home.runner.run(Window.of_day(month, Cadence.monthly), job=BUILD_JOBS[Cadence.monthly]).succeeded
    expected = {}
    for month in months:
        of_month = [measures for day, *measures in days if day.replace(day=1) == month]
        expected[month] = (len(of_month), *(sum(measure) for measure in zip(*of_month, strict=True)))[:8]
    columns = ", ".join(("published_days", *MEASURES[:7], "net_revenue_month_before"))
    found = home.query(f"select sales_month, {columns} from serving.monthly_sales order by 1")
    assert found == [
        (month, *expected[month], expected.get(Cadence.monthly.after(month, -1), (None,) * 8)[6]) for month in months
    ]


def assert_quarantined_are_the_times_that_nobody_can_read(home: TemporaryHome, reasons: set[str]) -> None:
    found = home.query("select distinct unnest(reasons) from quarantine.orders where _region = 'north'")
    assert {reason for (reason,) in found} == reasons


@pytest.mark.slow
@pytest.mark.parametrize("zone", WINDOWS)
def test_days_around_every_change_of_a_year_are_what_pandas_makes_of_the_files(
    zone: str, new_home: NewHome, tmp_path: Path
) -> None:
    home = home_in(zone, new_home, tmp_path, WINDOWS[zone])

    assert_marts_are_what_pandas_makes_of_the_files(home, WINDOWS[zone])
    assert_months_are_what_pandas_makes_of_the_files(home)
    # The north writes by Berlin's clock.
    unreadable = {"ambiguous_ordered_at", "nonexistent_ordered_at"}
    changed = set(AROUND_CHANGES[1:3]) <= set(WINDOWS[zone])
    assert_quarantined_are_the_times_that_nobody_can_read(home, unreadable if changed else set())
