"""Real data that nobody tidied: UCI Online Retail, 374 days with and without trade, from its file to serving.

The figures are those that were found in the file without Tidegate.
"""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from pathlib import Path

import pytest
from tests.e2e.e2e_home import NewHome, TemporaryHome

from tidegate.demo.online_retail import slice_online_retail
from tidegate.settings import CHECKOUT
from tidegate.window import ONE_DAY, Window

FILE = CHECKOUT.parent / "shared" / "data" / "online_retail.parquet"
FIRST, LAST = dt.date(2010, 12, 1), dt.date(2011, 12, 9)
EVERY_DAY = Window(FIRST, LAST + ONE_DAY)

# Three weeks with a holiday, and the only two lines that break the contract (12 August 2011).
SOME_WEEKS = Window(dt.date(2011, 8, 8), dt.date(2011, 8, 31))

pytestmark = pytest.mark.skipif(not FILE.exists(), reason=f"UCI Online Retail is not there: {FILE}")


@pytest.fixture
def home(new_home: NewHome) -> TemporaryHome:
    return new_home(contracts=CHECKOUT / "examples" / "online_retail" / "contracts", start_date=FIRST)


def slice_into(home: TemporaryHome, window: Window) -> int:
    report = slice_online_retail(
        FILE, Path(home.settings.landing), first_day=window.start, last_day=window.end - ONE_DAY
    )
    return report.lines


def assert_all_is_published(home: TemporaryHome, window: Window) -> None:
    for outcome in home.backfill(window):
        assert outcome.succeeded, outcome.held
    days = home.query("select order_date from serving.daily_sales order by order_date")
    assert days == [(day,) for day in window.days]


def assert_nothing_is_lost(home: TemporaryHome, lines: int, quarantined: int) -> None:
    counted = home.query(
        "select sum(rows_read), sum(rows_loaded), sum(rows_quarantined) from ops.deliveries where source = 'orders'"
    )
    assert counted == [(lines, lines - quarantined, quarantined)]
    assert home.query("select count(*) from raw.orders") == [(lines - quarantined,)]
    assert home.query("select count(*) from quarantine.orders") == [(quarantined,)]


def assert_days_without_lines_have_zeros(home: TemporaryHome) -> None:
    empty = home.query("""
        select total_orders, total_returns, units_sold, gross_revenue, returned_amount, net_revenue,
            average_order_value, total_discount, unique_customers, guest_orders, top_category_by_orders
        from serving.daily_sales
        where order_date not in (select ordered_at::date from raw.orders)
    """)
    assert empty
    assert set(empty) == {(0, 0, 0, 0, 0, 0, None, 0, 0, 0, None)}


def assert_running_again_changes_nothing(home: TemporaryHome, window: Window) -> None:
    chance = random.Random(374)
    before = home.contents()
    assert all(outcome.succeeded for outcome in home.run(chance.choice(window.days)))
    assert home.contents() == before
    first = chance.choice(window.days[:-10])
    assert all(outcome.succeeded for outcome in home.backfill(Window(first, first + ONE_DAY * 10)))
    assert home.contents() == before


def test_some_weeks_of_online_retail(home: TemporaryHome) -> None:
    lines = slice_into(home, SOME_WEEKS)
    assert_all_is_published(home, SOME_WEEKS)
    assert_nothing_is_lost(home, lines, quarantined=2)
    assert_days_without_lines_have_zeros(home)
    assert_running_again_changes_nothing(home, SOME_WEEKS)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_all_of_online_retail(home: TemporaryHome) -> None:
    lines = slice_into(home, EVERY_DAY)
    assert lines == 541_909
    assert_all_is_published(home, EVERY_DAY)
    assert_nothing_is_lost(home, lines, quarantined=2)
    assert_days_without_lines_have_zeros(home)
    assert home.query("select sum(net_revenue) from serving.daily_sales") == [(Decimal("9769872.0540"),)]
    with_customer = "select count(distinct order_id) from staging.stg_orders where customer_id is not null"
    assert home.query(with_customer) == [(22_190,)]
    trading = "select count(*) from serving.daily_sales where total_orders + total_returns > 0"
    assert home.query(trading) == [(305,)]
    assert_running_again_changes_nothing(home, EVERY_DAY)
