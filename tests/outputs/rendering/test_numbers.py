"""Figures as they stand on a page."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.outputs.rendering.numbers import (
    MINUS,
    NARROW,
    NOTHING,
    amount,
    change,
    date_range,
    long_date,
    percent,
    plural,
    ratio,
    short,
    short_date,
    signed_percent,
    tenth,
    whole,
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("0", "0.00"),
        ("1234.5", "1,234.50"),
        ("0.005", "0.01"),
        ("0.0049", "0.00"),
        ("-0.0049", "0.00"),
        ("-0.005", "-0.01"),
        ("1.115", "1.12"),
        ("-1234567.895", "-1,234,567.90"),
        # A float would say ...99.99 or lose the cents.
        ("9999999999999999999999999999999999.9949", "9,999,999,999,999,999,999,999,999,999,999,999.99"),
    ],
)
def test_amounts_are_shown_to_the_cent_rounded_half_up(value: str, shown: str) -> None:
    assert amount(Decimal(value)) == shown.replace("-", MINUS)


@given(st.decimals(min_value=-(10**33), max_value=10**33, places=4))
def test_an_amount_is_never_more_than_half_a_cent_off(value: Decimal) -> None:
    read = Decimal(amount(value).replace(",", "").replace(MINUS, "-"))

    assert abs(read - value) <= Decimal("0.005")


def test_what_does_not_exist_is_a_dash() -> None:
    assert {amount(None), whole(None), tenth(None), percent(None), signed_percent(None)} == {NOTHING}


def test_a_change_is_in_percent_of_what_was_before() -> None:
    assert change(Decimal("127.5"), Decimal("100")) == Decimal("27.5")
    assert change(0, 4) == -100
    assert change(2, 3) == Decimal("-33.3333")


@pytest.mark.parametrize("before", [0, Decimal("0.0000"), Decimal("-5")])
def test_there_is_no_change_in_percent_of_nothing_or_less(before: Decimal | int) -> None:
    assert change(7, before) is None


def test_changes_have_their_sign() -> None:
    shown = [signed_percent(Decimal(text)) for text in ("4.25", "-4.25", "0.04", "-0.04")]

    assert shown == [f"+4.3{NARROW}%", f"{MINUS}4.3{NARROW}%", f"0.0{NARROW}%", f"0.0{NARROW}%"]


def test_a_mean_has_four_decimals_and_needs_something_to_divide_by() -> None:
    assert ratio(Decimal("10.0001"), 2) == Decimal("5.0001")
    assert ratio(Decimal("10"), 0) is None


def test_axes_have_short_figures() -> None:
    assert [short(value) for value in (0, 950, 1500, 250_000, 2e6, -3e9)] == [
        "0",
        "950",
        "1.5k",
        "250k",
        "2m",
        f"{MINUS}3bn",
    ]


def test_days_are_told_in_english() -> None:
    assert long_date(dt.date(2011, 6, 6)) == "Monday 6 June 2011"
    assert short_date(dt.date(2011, 12, 31)) == "31 Dec"
    assert date_range(dt.date(2011, 5, 30), dt.date(2011, 6, 5)) == "30 May to 5 June 2011"
    assert date_range(dt.date(2011, 6, 6), dt.date(2011, 6, 12)) == "6 to 12 June 2011"
    assert date_range(dt.date(2011, 12, 26), dt.date(2012, 1, 1)) == "26 December 2011 to 1 January 2012"


def test_one_is_not_many() -> None:
    assert [plural(count, "day") for count in (0, 1, 1200)] == ["0 days", "1 day", "1,200 days"]
    assert plural(2, "delivery", "deliveries") == "2 deliveries"
