"""The figures of daily briefs: the day's own, and what they are compared with."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from statistics import median

import pytest
from tests.support.outputs.shop import MARTS, MONDAY, Row, Shop, all_current, amount, day_row, random_days

from tidegate.errors import TidegateError
from tidegate.outputs.pages.brief import make_briefs
from tidegate.outputs.pages.daily import JUDGED, MEASURES, DailyFacts, Forecast, Part, read_days
from tidegate.window import ONE_DAY, Window

DAY = dt.date(2024, 5, 15)
WEEK = 7 * ONE_DAY


def read_day(shop: Shop, day: dt.date = DAY) -> DailyFacts:
    (facts,) = read_days(shop.con, [day], all_current)
    return facts


def same_weekdays(**figures: object) -> list[Row]:
    return [day_row(DAY - ago * WEEK, **figures) for ago in range(1, 9)]


def test_a_day_is_compared_with_the_same_weekday_of_eight_weeks(shop: Shop) -> None:
    shop.serve_days(random_days(Window(DAY - 200 * ONE_DAY, DAY + 100 * ONE_DAY)))
    by_day = {row["order_date"]: row for row in shop.rows["daily_sales"]}
    others = [DAY - ago * WEEK for ago in range(8, 0, -1)]

    facts = read_day(shop)

    assert [figure.measure for figure in facts.figures] == list(MEASURES)
    assert [(day.day, day.net_revenue, day.total_orders) for day in facts.comparable_days] == [
        (day, by_day[day]["net_revenue"], by_day[day]["total_orders"]) for day in others
    ]
    for figure in facts.figures:
        assert figure.value == by_day[DAY][figure.measure]
        middle = median(Decimal(by_day[day][figure.measure]) for day in others)
        assert figure.verdict.median is not None and abs(figure.verdict.median - middle) <= Decimal("0.00005")
        assert figure.verdict.comparable_days == 8
        assert figure.is_judged is (figure.measure in JUDGED)
        assert figure.is_judged or not figure.verdict.is_flagged


def test_a_day_unlike_its_weekday_is_flagged(shop: Shop) -> None:
    usual = [100, 104, 98, 101, 99, 102, 97, 103]
    shop.serve_days([day_row(DAY - ago * WEEK, total_orders=usual[ago - 1]) for ago in range(1, 9)])
    # The days around it are another matter.
    shop.serve_days([day_row(DAY - ONE_DAY, total_orders=5), day_row(DAY, total_orders=60)])

    assert [figure.measure for figure in read_day(shop).flagged] == ["total_orders"]


def test_days_that_are_not_published_are_not_compared_with(shop: Shop) -> None:
    shop.serve_days([day_row(DAY - WEEK), day_row(DAY - 3 * WEEK), day_row(DAY - 9 * WEEK), day_row(DAY)])

    facts = read_day(shop)

    assert [day.net_revenue for day in facts.comparable_days] == [None] * 5 + [100, None, 100]
    assert {figure.verdict.comparable_days for figure in facts.figures} == {2}
    assert facts.flagged == []


def test_payments_are_told_of_only_where_there_are_any(shop: Shop) -> None:
    shop.serve_days([*same_weekdays(unpaid_orders=10), day_row(DAY, unpaid_orders=10)])
    assert not {"paid_amount", "unpaid_orders"} & {figure.measure for figure in read_day(shop).figures}

    shop.serve_days([day_row(DAY + WEEK, paid_amount=amount("7"))])
    assert {"paid_amount", "unpaid_orders"} <= {figure.measure for figure in read_day(shop, DAY + WEEK).figures}


def test_a_day_without_sales_has_no_average(shop: Shop) -> None:
    nothing = dict.fromkeys(("total_orders", "gross_revenue", "net_revenue", "unique_customers"), 0)
    shop.serve_days([*same_weekdays(), day_row(DAY, average_order_value=None, **nothing)])

    facts = read_day(shop)

    assert facts.total_orders == 0
    (average,) = [figure for figure in facts.figures if figure.measure == "average_order_value"]
    assert (average.value, average.verdict.is_flagged, average.verdict.median) == (None, False, Decimal("10.5"))
    assert {"net_revenue", "total_orders", "unique_customers"} <= {figure.measure for figure in facts.flagged}


def test_the_largest_regions_and_categories_of_the_day_come_first(shop: Shop) -> None:
    shop.serve_days([day_row(DAY), day_row(DAY - ONE_DAY)])
    figures = dict.fromkeys(MARTS["daily_sales_by_region"], 0) | {"top_category_by_orders": None}
    for number, name in enumerate(("a", "b", "c", "d", "e", "f", "g")):
        part = figures | {"order_date": DAY, "net_revenue": number % 6, "total_orders": number}
        shop.serve("daily_sales_by_region", [part | {"region": name}])
        shop.serve("daily_sales_by_category", [part | {"product_category": name, "order_date": DAY - ONE_DAY}])

    facts = read_day(shop)

    assert facts.regions == [Part("f", 5, amount("5")), Part("e", 4, amount("4")), Part("d", 3, amount("3")),
                             Part("c", 2, amount("2")), Part("b", 1, amount("1"))]  # fmt: skip
    assert (facts.regions_in_all, facts.categories, facts.categories_in_all) == (7, [], 0)


def test_many_days_read_at_once_are_the_same_as_one_by_one(full_shop: Shop) -> None:
    days = [MONDAY - ago * ONE_DAY for ago in (1, 300, 36, 0, 15)]

    assert read_days(full_shop.con, days, all_current) == [read_day(full_shop, day) for day in days]
    assert read_days(full_shop.con, [], all_current) == []


def test_a_day_that_is_not_published_has_no_brief(shop: Shop) -> None:
    with pytest.raises(TidegateError, match="2024-05-15 is not published"):
        read_days(shop.con, [DAY], all_current)

    shop.serve_days([day_row(DAY)])
    with pytest.raises(TidegateError, match="tidegate run --partition 2024-05-16"):
        read_days(shop.con, [DAY, DAY + ONE_DAY], all_current)


def test_what_was_expected_stands_beside_what_was_sold(shop: Shop) -> None:
    shop.serve_days([day_row(DAY)])
    assert read_day(shop).forecasts == []

    shop.con.execute(
        """
        create table serving.daily_demand_forecast as
        select as_of_date, product_category, days_ahead, cast(forecast_units as decimal(18, 2)) as forecast_units,
            cast(lower_units as decimal(18, 2)) as lower_units, cast(upper_units as decimal(18, 2)) as upper_units
        from (values
            (date '2024-05-15', 'books', 1, 8.5, 4, 9), (date '2024-05-15', 'toys', 1, 20, null, null),
            (date '2024-05-15', 'toys', 2, 30, 1, 2), (date '2024-05-14', 'toys', 1, 40, 1, 2)
        ) as forecasts (as_of_date, product_category, days_ahead, forecast_units, lower_units, upper_units)
        """
    )
    shop.con.execute(
        "insert into serving.daily_sales_by_category (order_date, product_category, units_sold) "
        "values ('2024-05-15', 'books', 10), ('2024-05-14', 'books', 1)"
    )

    assert read_day(shop).forecasts == [
        Forecast("toys", 0, Decimal("20.00"), None, None),
        Forecast("books", 10, Decimal("8.50"), Decimal("4.00"), Decimal("9.00")),
    ]
    assert [forecast.is_within for forecast in read_day(shop).forecasts] == [None, False]
    (brief,) = make_briefs(shop.con, [DAY], all_current)
    assert ">8.5<" in brief.html and '"expected": "8.50"' in brief.json
