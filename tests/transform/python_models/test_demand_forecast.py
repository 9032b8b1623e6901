"""The demand forecast: as computed otherwise, without a look ahead, and better than last week."""

from __future__ import annotations

import datetime as dt
import random
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any

import duckdb
import pytest
import yaml
from tests.support.online_retail import FILE, needs_online_retail
from tests.support.python_models import python_model, rows_of

from tidegate.lake.sql import rows_relation
from tidegate.settings import CHECKOUT
from tidegate.transform.python_models.model import PythonModel
from tidegate.window import ONE_DAY, Cadence, Window

MARTS = CHECKOUT / "dbt_project" / "models" / "marts"
NAME = "daily_demand_forecast"
FIRST = dt.date(2024, 1, 1)

# Units by published day and category; a day without lines of a category does not name it.
Sold = dict[dt.date, dict[str, int]]


def model_over(window: Window) -> PythonModel:
    (described,) = yaml.safe_load((MARTS / f"{NAME}.yml").read_text())["models"]
    meta = described["config"]["meta"]["tidegate"]
    return python_model(
        (MARTS / f"{NAME}.py").read_text(),
        name=NAME,
        day=meta["day"],
        columns={column["name"]: column["data_type"] for column in described["columns"]},
        reaches_back=meta["reaches_back_days"],
        units=meta["decimals"] == "units",
        window=window,
    )


def mornings(first: dt.date, days: int) -> Window:
    return Window(first, first + ONE_DAY * days, Cadence.morning)


def forecast(sold: Sold, window: Window) -> list[tuple[Any, ...]]:
    """The rows that the model makes of the window, from what it may see of these days."""
    model = model_over(window)
    seen = window.start - ONE_DAY * model.reaches_back, window.last
    days = [(day,) for day in sold if seen[0] <= day < seen[1]]
    units = [(day, *each) for (day,) in days for each in sold[day].items()]
    return rows_of(
        model,
        daily_sales=rows_relation({"order_date": "date"}, days),
        daily_sales_by_category=rows_relation(
            {"order_date": "date", "product_category": "varchar", "units_sold": "bigint"}, units
        ),
    )


def random_sales(seed: int, days: int) -> Sold:
    """Some days are not published, and on some a category sells nothing."""
    chance = random.Random(seed)
    return {
        FIRST + ONE_DAY * i: {c: chance.randint(1, 500) for c in ("books", "toys", "tea") if chance.random() < 0.8}
        for i in range(days)
        if chance.random() < 0.85
    }


@pytest.mark.parametrize("seed", range(3))
def test_it_equals_an_independent_computation(seed: int) -> None:
    sold = random_sales(seed, 100)
    for day in (FIRST + ONE_DAY, FIRST + ONE_DAY * 5, FIRST + ONE_DAY * 40, FIRST + ONE_DAY * 99):
        assert forecast(sold, mornings(day, 1)) == expected(sold, day)


def test_a_morning_is_the_same_alone_as_among_others_and_without_what_comes_after_it() -> None:
    sold = random_sales(7, 130)
    window = mornings(FIRST + ONE_DAY * 60, 60)
    together = forecast(sold, window)
    assert len({row[0] for row in together}) == 60
    for day in window.days[::7]:
        before = {each: units for each, units in sold.items() if each < day}
        assert forecast(before, mornings(day, 1)) == [row for row in together if row[0] == day]


def test_nothing_is_forecast_of_nothing() -> None:
    assert forecast({}, mornings(FIRST, 3)) == []
    assert forecast({FIRST: {}}, mornings(FIRST + ONE_DAY, 1)) == []


@needs_online_retail
def test_on_a_real_year_it_beats_the_same_weekday_of_last_week() -> None:
    """The figures stand in docs/python-models.md."""
    with duckdb.connect() as con:
        rows = con.execute(
            "select cast(InvoiceDate as date) as day, cast(sum(Quantity) as bigint) "
            f"from '{FILE}' where Quantity > 0 and InvoiceNo not like 'C%' group by day"
        ).fetchall()
    year = Window(dt.date(2010, 12, 1), dt.date(2011, 12, 10))
    units = dict(rows)
    sold: Sold = {day: {"all": units[day]} if day in units else {} for day in year.days}
    # From the first morning that reaches back to 70 days.
    made = forecast(sold, Window(year.start + ONE_DAY * 70, year.end, Cadence.morning))

    came = [(row, units.get(row[2], 0)) for row in made if row[2] < year.end]
    last = [units.get(row[2] - ONE_DAY * (7 if row[3] <= 7 else 14), 0) for row, _ in came]
    total = sum(sold_units for _, sold_units in came)
    error = sum(abs(row[6] - sold_units) for row, sold_units in came) / total
    naive = sum(abs(before - sold_units) for before, (_, sold_units) in zip(last, came, strict=True)) / total
    within = [row[7] <= sold_units <= row[8] for row, sold_units in came if sold_units]

    assert (len(came), round(error, 3), round(naive, 3)) == (4165, Decimal("0.298"), 0.365)
    assert round(sum(within) / len(within), 2) == 0.77


def expected(sold: Sold, day: dt.date) -> list[tuple[Any, ...]]:
    """What the model's YAML says, computed one figure at a time."""
    history = {each: units for each, units in sold.items() if day - ONE_DAY * 70 <= each < day}
    categories = sorted({category for units in history.values() for category in units})
    return [row for category in categories for row in expected_of(history, category, day)]


def expected_of(history: Sold, category: str, day: dt.date) -> list[tuple[Any, ...]]:
    units = {each: Decimal(of_day.get(category, 0)) for each, of_day in history.items()}
    tried = [each for each in units if each >= day - ONE_DAY * 28 and weekdays_before(units, each)]
    pairs = [(units[each], like_its_weekday(units, each)) for each in tried]
    last = [(units[each], units[each - ONE_DAY * 7]) for each in tried if each - ONE_DAY * 7 in units]
    rows = []
    for ahead in range(1, 15):
        on = day + ONE_DAY * (ahead - 1)
        has_weekday = bool(weekdays_before(units, day + ONE_DAY * ((ahead - 1) % 7)))
        value = (
            like_its_weekday(units, day + ONE_DAY * ((ahead - 1) % 7))
            if has_weekday
            else rounded(sum(units.values(), Decimal()) / len(units), "0.01")
        )
        method = "mean_of_weekday" if has_weekday else "mean_of_days"
        rows.append(
            (
                *(day, category, on, ahead, method, value),
                *bounds(pairs, value),
                len(tried),
                error_of(pairs),
                error_of(last),
            )
        )
    # In the order of the model's columns.
    return [(*row[:5], row[8], *row[5:8], *row[9:]) for row in rows]


def weekdays_before(units: dict[dt.date, Decimal], day: dt.date) -> list[Decimal]:
    return [units[day - ONE_DAY * 7 * week] for week in range(1, 7) if day - ONE_DAY * 7 * week in units]


def like_its_weekday(units: dict[dt.date, Decimal], day: dt.date) -> Decimal:
    before = sorted(weekdays_before(units, day))
    kept = before[1:-1] if len(before) > 2 else before
    return rounded(sum(kept, Decimal()) / len(kept), "0.01")


def bounds(pairs: list[tuple[Decimal, Decimal]], value: Decimal) -> tuple[Decimal | None, Decimal | None]:
    ratios = sorted((came, expected) for came, expected in pairs if expected)
    ratios.sort(key=lambda pair: pair[0] / pair[1])
    outside = len(ratios) // 10
    if not outside:
        return None, None
    low, high = ratios[outside], ratios[-1 - outside]
    floor = Decimal("0.01"), ROUND_FLOOR
    return (value * low[0] / low[1]).quantize(*floor), (value * high[0] / high[1]).quantize(*floor)


def error_of(pairs: list[tuple[Decimal, Decimal]]) -> Decimal | None:
    total = sum(came for came, _ in pairs)
    return rounded(sum(abs(came - expected) for came, expected in pairs) / total, "0.0001") if total else None


def rounded(value: Decimal | int, to: str) -> Decimal:
    return Decimal(value).quantize(Decimal(to), ROUND_HALF_UP)
