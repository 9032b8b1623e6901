"""Figures as people read them. Decimals stay decimals: nothing on a page has gone through a float."""

from __future__ import annotations

import datetime as dt
from decimal import ROUND_HALF_UP, Context, Decimal

CENT = Decimal("0.01")
TENTH = Decimal("0.1")
# How the lake keeps amounts.
FINE = Decimal("0.0001")
HUNDRED = Decimal(100)
# The lake holds 38 digits, and Python reckons with 28 unless told otherwise.
WIDE = Context(prec=60, rounding=ROUND_HALF_UP)

# A minus as wide as a plus, which does not break off from its figure.
MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"
# Keeps a figure and its unit on one line.
NARROW = "\N{NARROW NO-BREAK SPACE}"


def rounded(value: Decimal, unit: Decimal) -> Decimal:
    """`value` to the precision of `unit`, halves away from zero as SQL's `round` does."""
    return value.quantize(unit, context=WIDE)


def amount(value: Decimal | None) -> str:
    """Money to the cent: `1,234.57`. The data has no currency, so none is shown."""
    return NOTHING if value is None else _signed(f"{_no_negative_zero(rounded(value, CENT)):,}")


def whole(value: int | None) -> str:
    """A count: `12,345`."""
    return NOTHING if value is None else _signed(f"{value:,}")


def tenth(value: Decimal | None) -> str:
    """A mean or a distance, to one decimal: `12.3`."""
    return NOTHING if value is None else _signed(f"{_no_negative_zero(rounded(value, TENTH)):,}")


def percent(value: Decimal | None) -> str:
    """A share, given in percent: `12.3 %`."""
    return NOTHING if value is None else f"{tenth(value)}{NARROW}%"


def change(now: Decimal | int, before: Decimal | int) -> Decimal | None:
    """By how many percent `now` differs from `before`; None where that means nothing: before was zero or below."""
    if before <= 0:
        return None
    return rounded(WIDE.divide(WIDE.multiply(Decimal(now) - Decimal(before), HUNDRED), Decimal(before)), FINE)


def ratio(whole_amount: Decimal, parts: int) -> Decimal | None:
    """An amount divided by a count, to four decimals as the marts have it; None where there is nothing to divide by."""
    return rounded(WIDE.divide(whole_amount, Decimal(parts)), FINE) if parts else None


def signed_percent(value: Decimal | None) -> str:
    """A change, given in percent: `+4.2 %`."""
    if value is None:
        return NOTHING
    plus = "+" if rounded(value, TENTH) > 0 else ""
    return plus + percent(value)


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 day`, `3 days`."""
    return f"{whole(count)} {one if count == 1 else many or one + 's'}"


def short(value: float) -> str:
    """A figure on an axis: `150k`."""
    for size, letter in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if abs(value) >= size:
            return _signed(f"{value / size:.3g}{letter}")
    return _signed(f"{value:.3g}")


def long_date(day: dt.date) -> str:
    """`Monday 6 June 2011`, in English whatever the machine's language is."""
    return f"{WEEKDAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]} {day.year}"


def date_range(first: dt.date, last: dt.date) -> str:
    """`30 May to 5 June 2011`, `6 to 12 June 2011`."""
    year = f" {first.year}" if first.year != last.year else ""
    month = f" {MONTHS[first.month - 1]}{year}" if first.month != last.month else ""
    return f"{first.day}{month} to {last.day} {MONTHS[last.month - 1]} {last.year}"


def short_date(day: dt.date) -> str:
    """`6 Jun`."""
    return f"{day.day} {MONTHS[day.month - 1][:3]}"


def weekday(day: dt.date) -> str:
    return WEEKDAYS[day.weekday()]


WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def _no_negative_zero(value: Decimal) -> Decimal:
    return value if value else abs(value)


def _signed(text: str) -> str:
    return text.replace("-", MINUS)
