"""No blocking test of the demo holds what its contracts let in, however odd it is."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from tests.support.orders import (
    ZERO,
    Line,
    Payment,
    day,
    line,
    marts_in,
    write_customers,
    write_orders,
    write_payments,
)

from tidegate.lake.connect import Lake
from tidegate.settings import Settings
from tidegate.transform.build import build_window
from tidegate.transform.parsed.project import DbtProject
from tidegate.window import Window

MOST = Decimal("100000")
ODD = "'; drop table orders -- \u00e9\U0001f600 " + "x" * 500


def odd_lines(on: dt.date) -> list[Line]:
    """Lines that keep the contract of orders, one by one and as a delivery."""
    return [
        # One order of two customers and a guest, and one of two regions.
        line("two customers", on, customer_id="anna"),
        line("two customers", on, customer_id="bert", line_number=2),
        line("two customers", on, customer_id=None, line_number=3),
        line("two regions", on, region="eu"),
        line("two regions", on, region="us", line_number=2),
        line("same line", on, region="eu"),
        line("same line", on, region="us"),
        # Returns alone, an exchange, a return with a discount, lines that are worth nothing.
        line("return", on, customer_id="nobody else", quantity=-1),
        line("exchange", on, quantity=1),
        line("exchange", on, quantity=-1, line_number=2),
        line("return with discount", on, quantity=-1, discount_amount=Decimal("99.0001")),
        line("gift", on, unit_price=ZERO),
        line("all off", on, discount_amount=Decimal("2.5000")),
        # Limits of the types and of the contract; numbers of lines that are none; texts.
        line("most", on, quantity=2_147_483_647, unit_price=MOST),
        line("least", on, quantity=-2_147_483_647, unit_price=MOST, line_number=-2_147_483_648),
        line("huge discount", on, quantity=-1, discount_amount=Decimal("99999999999999.9999")),
        line("", on, customer_id="", product_category=""),
        line(ODD, on, customer_id=ODD, product_category=ODD, line_number=0),
        line("no category", on, product_category=None, customer_id="unknown to the CRM"),
        # The last moment of the day, and as late as may be.
        Line("midnight", on, dt.datetime.combine(on, dt.time.max)),
        line("late", on, delivered_on=on + dt.timedelta(days=7)),
    ]


def odd_payments(on: dt.date) -> list[Payment]:
    noon = dt.datetime.combine(on, dt.time(12))
    return [
        Payment("of no order", "never ordered", on, noon, Decimal("1000000")),
        Payment("refund alone", "return", on, noon, Decimal("-1000000")),
        Payment("part 1", "two customers", on, noon, Decimal("0.0001")),
        Payment("part 2", "two customers", on, noon, Decimal("-0.0001")),
        Payment("", "", on, noon),
        Payment(ODD, ODD, on, noon),
    ]


def test_odd_days_that_keep_their_contracts_pass_every_blocking_test(settings: Settings, lake: Lake) -> None:
    odd, returns, guests, nothing = (day(number) for number in range(1, 5))
    write_orders(
        lake,
        [
            *odd_lines(odd),
            line("return", returns, quantity=-1),
            line("guest", guests, customer_id=None),
        ],
    )
    lake.con.execute("update raw.orders set discount_amount = null, country = null where order_id = 'two regions'")
    alone = Payment("alone", "of another day", nothing, dt.datetime.combine(nothing, dt.time.min))
    write_payments(lake, [*odd_payments(odd), alone])
    write_customers(lake, {on: ["anna", "", ODD] for on in (odd, returns, guests, nothing)})
    lake.con.execute("update raw.customers set email = null, country = null where customer_id = ''")

    result = build_window(DbtProject(settings), lake, Window(odd, nothing + dt.timedelta(days=1)), run_id="test")

    assert result.failed_models == ()
    assert {test.name: test.failures for test in result.tests if test.blocking and test.failures} == {}
    sales = {row["order_date"]: row for row in marts_in(lake, ["daily_sales"])["daily_sales"]}
    assert sales[odd]["unique_customers"] == 5
    assert sales[returns]["total_orders"] == 0
