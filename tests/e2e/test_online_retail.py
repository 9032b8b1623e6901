"""Real data that nobody tidied: UCI Online Retail, days with and without trade, from its file to serving.

Nine weeks of them, or all 374 days with HYPOTHESIS_PROFILE=thorough.

The figures are those that were found in the file without Tidegate.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import random
import time
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from tests.support.examples import THOROUGH
from tests.support.online_retail import FILE, needs_online_retail
from tests.support.parsed import EVERY_CADENCE
from tests.support.runs.home import NewHome, TemporaryHome
from tests.support.runs.rfm_in_pandas import COLUMNS, read_lines, rfm

from tidegate.demo.online_retail import REGIONS, slice_online_retail
from tidegate.ledger.publications import published_days
from tidegate.provenance.verify import verify
from tidegate.provenance.why import why
from tidegate.settings import CHECKOUT
from tidegate.window import ONE_DAY, Cadence, Window

FIRST, LAST = dt.date(2010, 12, 1), dt.date(2011, 12, 9)
EVERY_DAY = Window(FIRST, LAST + ONE_DAY)
# With the only two lines that break the contract (12 August 2011), and a month that ended.
NINE_WEEKS = Window(dt.date(2011, 8, 7), dt.date(2011, 10, 11))


@dataclass(frozen=True)
class Found:
    """What the file has of the days."""

    days: Window
    lines: int
    orders_with_customer: int
    trading_days: int
    net_revenue: Decimal


ALL = Found(EVERY_DAY, 541_909, 22_190, 305, Decimal("9769872.0540"))
PART = Found(NINE_WEEKS, 97_195, 4_027, 55, Decimal("1937136.2320"))

# With those two lines, and the Monday after them.
EIGHT_DAYS = Window(dt.date(2011, 8, 8), dt.date(2011, 8, 16))

pytestmark = [pytest.mark.slow, needs_online_retail]


# Days by which the latest of the late lines are late; the contract allows seven.
LATEST = 5
MANY_LINES = 200

SEPTEMBER, OCTOBER = dt.date(2011, 9, 1), dt.date(2011, 10, 1)


@pytest.fixture
def home(new_home: NewHome) -> TemporaryHome:
    return online_retail_home(new_home)


def online_retail_home(new_home: NewHome, **overrides: object) -> TemporaryHome:
    contracts = CHECKOUT / "examples" / "online_retail" / "contracts"
    return new_home(contracts=contracts, start_date=FIRST, threads=2, **overrides)


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
            average_order_value, total_discount, unique_customers, guest_orders, top_category_by_orders,
            paid_amount, unpaid_orders
        from serving.daily_sales
        where order_date not in (select ordered_at::date from raw.orders)
    """)
    assert empty
    assert set(empty) == {(0, 0, 0, 0, 0, 0, None, 0, 0, 0, None, 0, 0)}


def assert_nothing_is_known_of_payments(home: TemporaryHome) -> None:
    sums = "select sum(paid_amount), bool_and(unpaid_orders = total_orders) from serving.daily_sales"
    assert home.query(sums) == [(0, True)]


def deliver_late(landing: Path, window: Window, share: float, seed: int) -> int:
    """Move that share of the landed lines into their region's deliveries of one to five days later; returns how many.

    Only into deliveries of many lines: among few, one guest or broken line more is too large a share for the contract.
    """
    chance = random.Random(seed)
    header, on_time = read_landed(landing, window)
    delivered: dict[tuple[str, dt.date], list[str]] = {delivery: [] for delivery in on_time}
    late = 0
    for (region, day), lines in on_time.items():
        days_after = [day + ONE_DAY * i for i in range(1, LATEST + 1)]
        busy = [after for after in days_after if len(on_time.get((region, after), ())) > MANY_LINES]
        for line in lines:
            is_late = bool(busy) and chance.random() < share
            delivered[region, chance.choice(busy) if is_late else day].append(line)
            late += is_late
    for (region, day), lines in delivered.items():
        write_landed(landing, region, day, header, lines)
    return late


def read_landed(landing: Path, window: Window) -> tuple[str, dict[tuple[str, dt.date], list[str]]]:
    """The files' header, and the lines of each delivery."""
    landed = {
        (region, day): (landing / "orders" / region / str(day) / "orders.csv").read_text().splitlines()
        for day in window.days
        for region in REGIONS
    }
    return next(iter(landed.values()))[0], {delivery: lines[1:] for delivery, lines in landed.items()}


def write_landed(landing: Path, region: str, day: dt.date, header: str, lines: list[str]) -> None:
    (landing / "orders" / region / str(day) / "orders.csv").write_text("\n".join([header, *lines]) + "\n")


def shuffled_parts(window: Window, seed: int) -> list[Window]:
    """The window cut into pieces of one to five days, in no order."""
    chance = random.Random(seed)
    parts = []
    start = window.start
    while start < window.end:
        end = min(start + ONE_DAY * chance.randint(1, 5), window.end)
        parts.append(Window(start, end))
        start = end
    chance.shuffle(parts)
    return parts


def days_materialized_after(home: TemporaryHome, asset: list[str], after: float) -> set[str | None]:
    """The partitions of an asset that Dagster's event log tells of since then."""
    found = home.runner.instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey(asset), after_timestamp=after), limit=10_000
    )
    return {record.partition_key for record in found.records}


def published(home: TemporaryHome, cadence: Cadence) -> list[dt.date]:
    with home.home.lake() as lake:
        return list(published_days(lake.con, cadence=cadence))


def mornings_made_of(home: TemporaryHome, day: dt.date) -> list[dt.date]:
    """The published mornings that reach back to a day."""
    reach = home.home.days_behind(Cadence.morning).reach
    return [morning for morning in published(home, Cadence.morning) if day < morning <= day + ONE_DAY * reach]


def assert_restating_a_day_rebuilds_that_day_and_no_other(home: TemporaryHome) -> None:
    delivered, touched = dt.date(2011, 9, 15), dt.date(2011, 9, 13)
    landing = Path(home.settings.landing)
    header, *lines = (landing / "orders" / "uk" / str(touched) / "orders.csv").read_text().splitlines()
    own = (landing / "orders" / "uk" / str(delivered) / "orders.csv").read_text().splitlines()[1:]
    began = time.time()
    of_a_customer = next(line for line in lines if line.split(",")[2])
    write_landed(landing, "uk", delivered, header, [*own, of_a_customer.replace(",", "-late,", 1)])
    assert all(outcome.succeeded for outcome in home.run(delivered))

    assert days_materialized_after(home, ["raw", "orders", "uk"], began) == {str(delivered)}
    # The line adds to no figure of its delivery's own day, so only what is made of the touched day follows.
    mondays = [monday for monday in published(home, Cadence.weekly) if monday > touched]
    # Its month, and the next one, which tells the change on it.
    months = [month for month in published(home, Cadence.monthly) if month in (SEPTEMBER, OCTOBER)]
    assert mondays and SEPTEMBER in months
    rebuilt = {
        Cadence.daily: {str(delivered), str(touched)},
        Cadence.weekly: {str(monday) for monday in mondays},
        Cadence.monthly: {str(month) for month in months},
        Cadence.morning: {str(morning) for morning in mornings_made_of(home, touched)},
    }
    for model in home.home.graph.models.values():
        assert days_materialized_after(home, [model.schema, model.name], began) == rebuilt[model.cadence], model.asset
    for cadence in Cadence:
        for mart in home.home.requirements_of(cadence).marts:
            assert days_materialized_after(home, ["serving", mart.name], began) == rebuilt[cadence], mart.name


def assert_rfm_is_what_pandas_makes_of_the_file(home: TemporaryHome, days: Window) -> None:
    mondays = Cadence.weekly.among(days).days
    assert home.query("select distinct as_of_date from serving.customer_rfm order by 1") == [(day,) for day in mondays]
    lines = read_lines(FILE)
    for monday in (mondays[len(mondays) // 5], mondays[len(mondays) // 2], mondays[-1]):
        expected = rfm(lines, monday, since=days.start).astype(object)
        found = home.query(
            f"select {', '.join(COLUMNS)} from serving.customer_rfm where as_of_date = '{monday}' order by customer_id"
        )
        assert found == list(expected.where(expected.notna(), None).itertuples(index=False, name=None))


def assert_mondays_are_built_in_chunks(home: TemporaryHome, days: Window) -> None:
    runs = "select partition_from, partition_to from ops.pipeline_runs where job = 'weekly' order by started_at"
    chunks = Cadence.weekly.among(days).chunks(home.settings.chunk_days)
    assert home.query(runs) == [(chunk.start, chunk.last) for chunk in chunks]


def assert_running_again_changes_nothing(home: TemporaryHome, window: Window) -> None:
    chance = random.Random(374)
    before = home.contents()
    assert all(outcome.succeeded for outcome in home.run(chance.choice(window.days)))
    assert home.contents() == before
    first = chance.choice(window.days[:-5])
    assert all(outcome.succeeded for outcome in home.backfill(Window(first, first + ONE_DAY * 5)))
    assert home.contents() == before


@pytest.mark.timeout(1800)
def test_online_retail_goes_from_its_file_to_serving(new_home: NewHome) -> None:
    found = ALL if THOROUGH else PART
    home = online_retail_home(new_home, **EVERY_CADENCE)
    assert slice_into(home, found.days) == found.lines
    assert_all_is_published(home, found.days)
    assert_nothing_is_lost(home, found.lines, quarantined=2)
    assert_days_without_lines_have_zeros(home)
    assert_nothing_is_known_of_payments(home)
    assert home.query("select sum(net_revenue) from serving.daily_sales") == [(found.net_revenue,)]
    with_customer = "select count(distinct order_id) from staging.stg_orders where customer_id is not null"
    assert home.query(with_customer) == [(found.orders_with_customer,)]
    trading = "select count(*) from serving.daily_sales where total_orders + total_returns > 0"
    assert home.query(trading) == [(found.trading_days,)]
    assert_mondays_are_built_in_chunks(home, found.days)
    assert_rfm_is_what_pandas_makes_of_the_file(home, found.days)
    assert_restating_a_day_rebuilds_that_day_and_no_other(home)


@pytest.mark.timeout(5400)
def test_lines_that_come_late_and_days_in_no_order_end_in_the_same_figures(new_home: NewHome) -> None:
    """3 % of the lines one to five days late. HYPOTHESIS_PROFILE=thorough takes the whole year."""
    window = EVERY_DAY if THOROUGH else EIGHT_DAYS
    on_time, late = online_retail_home(new_home), online_retail_home(new_home)
    lines = slice_into(on_time, window)
    assert_all_is_published(on_time, window)

    assert slice_into(late, window) == lines
    assert deliver_late(Path(late.settings.landing), window, share=0.03, seed=3) > 0.02 * lines
    for part in shuffled_parts(window, seed=3):
        for outcome in late.backfill(part):
            assert outcome.succeeded, outcome.held

    assert late.contents("serving") == on_time.contents("serving")
    assert_nothing_is_lost(late, lines, quarantined=2)
    assert_running_again_changes_nothing(on_time, EIGHT_DAYS)


# Of a region, a customer and the category that sold most.
FIGURES = [
    ("daily_sales_by_region", {"region": "abroad"}),
    ("orders_daily_summary", {"customer_id": "17850"}),
    ("daily_sales_by_category", {}),
]


@pytest.mark.timeout(1200)
def test_figures_lead_to_the_lines_of_the_file_and_a_changed_data_file_is_seen(home: TemporaryHome) -> None:
    first_day = Window.of_day(FIRST)
    slice_into(home, first_day)
    assert_all_is_published(home, first_day)
    for mart, key in FIGURES:
        assert_leads_to_the_lines(home, mart, key or largest_category(home))
    assert verify(home.home, FIRST, Cadence.daily).is_equal
    changed = change_by_hand(home, "orders_daily_summary")
    verified = verify(home.home, FIRST, Cadence.daily)
    assert not verified.is_equal
    assert verified.altered == ["orders_daily_summary"]
    (difference,) = [each for each in verified.marts if each.identical < each.partitions]
    assert difference.rows is not None
    assert [(sample[-2], sample[-1]) for sample in difference.rows.samples] == [changed]


def largest_category(home: TemporaryHome) -> dict[str, str]:
    query = "select product_category from serving.daily_sales_by_category where order_date = '{}' order by net_revenue"
    return {"product_category": str(home.query(query.format(FIRST))[-1][0])}


def assert_leads_to_the_lines(home: TemporaryHome, mart: str, key: dict[str, str]) -> None:
    """Each line that a figure is made of stands where it is said, and together they add up to the figure."""
    found = why(home.home, mart, FIRST, "net_revenue", key)
    ((net_revenue,),) = [(row["net_revenue"],) for row in found.values]
    orders = next(lines for lines in found.lines if lines.source == "orders")
    assert orders.lines
    total = Decimal(0)
    for line in orders.lines:
        source, _, place = line.delivery.partition("/")
        region, _, day = place.partition(" ")
        file = Path(home.settings.landing) / source / region / day / line.file
        assert line.line is not None
        with file.open(encoding="utf-8", newline="") as landed:
            header, *rows = csv.reader(landed)
        row = dict(zip(header, rows[line.line - 2], strict=True))
        said = json.loads(line.values)
        assert {name: said[name] for name in ("order_id", "customer_id")} == {
            name: row[name] or None for name in ("order_id", "customer_id")
        }
        total += Decimal(row["quantity"]) * Decimal(row["unit_price"])
    assert total == net_revenue


def change_by_hand(home: TemporaryHome, mart: str) -> tuple[Decimal, Decimal]:
    """Rewrite the data file of the first day's rows with one figure changed; returns it after and before."""
    with home.home.lake() as lake:
        listed = lake.con.execute(f"select data_file from ducklake_list_files('lake', '{mart}', schema => 'serving')")
        files = [Path(file) for (file,) in listed.fetchall()]
    home.home.close()
    of_first = f"order_date = '{FIRST}' and customer_id = '17850'"
    con = duckdb.connect()
    for file in files:
        rows = con.execute(f"select net_revenue from '{file}' where {of_first}").fetchall()
        if not rows:
            continue
        schema = con.execute(f"select name, field_id from parquet_schema('{file}') where field_id is not null")
        ids = ", ".join(f'"{name}": {number}' for name, number in schema.fetchall())
        altered = f"select * replace (if({of_first}, net_revenue + 1, net_revenue) as net_revenue) from '{file}'"
        new = file.with_suffix(".new")
        con.execute(f"copy ({altered}) to '{new}' (format parquet, field_ids {{{ids}}})")
        new.replace(file)
        return rows[0][0] + 1, rows[0][0]
    raise AssertionError(f"no data file of serving.{mart} holds {FIRST}")
