"""Slicing UCI Online Retail into a year of daily deliveries of `orders` and `customers`.

Chen, D. (2015), Online Retail, UCI Machine Learning Repository, DOI 10.24432/C5BW33, CC BY 4.0. Real data,
taken as it stands: nothing is fixed and nothing made up. How the file is read belongs to
`online_retail_file`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb

from tidegate.demo.deliveries import copy_to, deliveries_before, delivery
from tidegate.demo.online_retail_file import load_source
from tidegate.errors import TidegateError
from tidegate.lake.sql import literal
from tidegate.machine.stopping import end_if_asked
from tidegate.window import ONE_DAY, Window

REGIONS = ("uk", "abroad")


@dataclass(frozen=True)
class SliceReport:
    """What was written: `files` counts data files, `lines` order lines, `customers` the last snapshot's."""

    first_day: dt.date
    last_day: dt.date
    days: int
    files: int
    lines: int
    customers: int


def slice_online_retail(
    source: Path, landing: Path, *, first_day: dt.date | None = None, last_day: dt.date | None = None
) -> SliceReport:
    """Write deliveries of `orders` (uk, abroad) and `customers` for every calendar day that the file covers.

    A day without lines delivers files with only their header. `first_day` and `last_day`, both included,
    narrow the days written; line numbers and customers are still those of the whole file. Raises
    TidegateError for a file of another shape and for days that the file does not cover.
    """
    with duckdb.connect(config={"threads": 1}) as con:
        load_source(con, source)
        window = _window(con, source, first_day, last_day)
        con.execute(f"create temp table order_lines as {_ORDER_LINES}")
        con.execute(f"create temp table customer_versions as {_CUSTOMER_VERSIONS}")
        lines = sum(_write_orders(con, landing, day) for day in _days_until_asked(window))
        customers = [_write_customers(con, landing, day) for day in _days_until_asked(window)]
    files = len(window.days) * (len(REGIONS) + 1)
    return SliceReport(window.start, window.end - ONE_DAY, len(window.days), files, lines, customers[-1])


_ORDER_LINES = """
    select
        invoiced_at::date as day,
        if(country = 'United Kingdom', 'uk', 'abroad') as region,
        position,
        invoice as order_id,
        row_number() over (partition by invoice order by position) as line_number,
        customer_id,
        stock_code as product_id,
        'uncategorised' as product_category,
        quantity,
        unit_price,
        0 as discount_amount,
        invoiced_at as ordered_at,
        country
    from source
    order by day, region, position
"""

# One row per customer and day with lines of theirs, in force until the next; the country is the newest
# line's.
_CUSTOMER_VERSIONS = """
    with seen as (
        select customer_id, invoiced_at::date as day, last(country order by invoiced_at, position) as country
        from source
        where customer_id is not null
        group by all
    )
    select
        customer_id,
        min(day) over (partition by customer_id) as registered_on,
        country,
        day as from_day,
        lead(day, 1, date '9999-12-31') over (partition by customer_id order by day) as until_day
    from seen
    order by customer_id, day
"""


def _window(
    con: duckdb.DuckDBPyConnection, source: Path, first_day: dt.date | None, last_day: dt.date | None
) -> Window:
    extent = "select min(invoiced_at)::date, max(invoiced_at)::date from source"
    ((first, last),) = con.execute(extent).fetchall()
    if first is None:
        raise TidegateError(f"{source} holds no lines, so there are no days to write, and none were written.")
    asked_first, asked_last = first_day or first, last_day or last
    if not first <= asked_first <= asked_last <= last:
        raise TidegateError(
            f"{source} covers {first} to {last}; {asked_first} to {asked_last} is not part of that, and "
            "nothing was written. Ask for days in between, the first not after the last."
        )
    return Window(asked_first, asked_last + ONE_DAY)


def _days_until_asked(window: Window) -> Iterator[dt.date]:
    for day in window.days:
        end_if_asked(partial(deliveries_before, day))
        yield day


def _write_orders(con: duckdb.DuckDBPyConnection, landing: Path, day: dt.date) -> int:
    lines = 0
    for region in REGIONS:
        rows = f"""
            select * exclude (day, region, position)
            from order_lines
            where day = {literal(day)} and region = {literal(region)}
            order by position
        """
        with delivery(landing / "orders" / region / str(day), "orders.csv") as file:
            lines += copy_to(con, rows, file)
    return lines


def _write_customers(con: duckdb.DuckDBPyConnection, landing: Path, day: dt.date) -> int:
    rows = f"""
        select customer_id, registered_on, null as email, country
        from customer_versions
        where from_day <= {literal(day)} and {literal(day)} < until_day
        order by customer_id
    """
    with delivery(landing / "customers" / str(day), "customers.csv") as file:
        return copy_to(con, rows, file)
