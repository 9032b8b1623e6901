"""The figures of daily briefs, read from `serving` once for many days.

A day is compared with the same weekday of up to eight weeks before it, of those that are published. How figures are
shown belongs to `brief`, and what counts as unusual to `anomalies`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from duckdb import DuckDBPyConnection

from tidegate.errors import TidegateError
from tidegate.lake.sql import day_in
from tidegate.outputs.pages.anomalies import Verdict, compare, judge
from tidegate.outputs.pages.origin import Origin
from tidegate.outputs.pages.quality import Quality, QualityRecords, read_quality
from tidegate.outputs.pages.served import are_served
from tidegate.outputs.rendering.numbers import change
from tidegate.publishing.older_logic import OlderModel
from tidegate.window import ONE_DAY, ONE_WEEK, Window

FORECAST = "daily_demand_forecast"

MARTS = ("daily_sales", "daily_sales_by_region", "daily_sales_by_category")

WEEKS_COMPARED = 8
MOST_PARTS = 5

# The figures of a brief, in the order they are shown. Those of payments only where there are any.
MEASURES = (
    "net_revenue",
    "gross_revenue",
    "total_orders",
    "average_order_value",
    "units_sold",
    "unique_customers",
    "guest_orders",
    "total_returns",
    "returned_amount",
    "total_discount",
    "paid_amount",
    "unpaid_orders",
)

# Those that may be called unusual. Few, because each raises a false alarm on some days: gross revenue would repeat net
# revenue, and amounts returned or discounted are lumpy by nature.
JUDGED = frozenset(
    {"net_revenue", "total_orders", "average_order_value", "unique_customers", "total_returns", "unpaid_orders"}
)

DayFigures = Mapping[str, Decimal | int | None]


@dataclass(frozen=True)
class ComparedFigure:
    """One figure of the day and how it stands among the comparable days. `is_judged`: it may be called unusual.

    `change_percent` is from their median, None where that is zero or less or there is none.
    """

    measure: str
    value: Decimal | int | None
    change_percent: Decimal | None
    is_judged: bool
    verdict: Verdict


@dataclass(frozen=True)
class ComparableDay:
    """The same weekday of an earlier week. Figures are None when that day is not published."""

    day: dt.date
    net_revenue: Decimal | None
    total_orders: int | None


@dataclass(frozen=True)
class Part:
    """One region's or category's part of the day."""

    name: str
    total_orders: int
    net_revenue: Decimal


@dataclass(frozen=True)
class Forecast:
    """Units of a category: sold, and expected when the day began, between which bounds. None without an interval."""

    name: str
    sold: int
    expected: Decimal
    lower: Decimal | None
    upper: Decimal | None

    @property
    def is_within(self) -> bool | None:
        """Whether what was sold lies in the interval; None without one."""
        return None if self.lower is None or self.upper is None else self.lower <= self.sold <= self.upper


@dataclass(frozen=True)
class MartLogic:
    """A mart of which the day was built with older logic than the project had when the brief was made."""

    mart: str
    logic: str


# Which of the published partitions of these days stand on older logic.
ReadOlderLogic = Callable[[DuckDBPyConnection, Window], Sequence[OlderModel]]


@dataclass(frozen=True)
class DailyFacts:
    """Everything that the brief of a day shows. `comparable_days` are eight, the oldest first; `forecasts` are empty
    where none was published, and so is `older_logic` where the day stands on the logic of now."""

    day: dt.date
    net_revenue: Decimal
    total_orders: int
    figures: Sequence[ComparedFigure]
    comparable_days: Sequence[ComparableDay]
    regions: Sequence[Part]
    regions_in_all: int
    categories: Sequence[Part]
    categories_in_all: int
    forecasts: Sequence[Forecast]
    quality: Quality
    older_logic: Sequence[MartLogic]
    origin: Origin | None = None

    @property
    def flagged(self) -> list[ComparedFigure]:
        return [figure for figure in self.figures if figure.verdict.is_flagged]


def read_days(con: DuckDBPyConnection, days: Sequence[dt.date], read_older_logic: ReadOlderLogic) -> list[DailyFacts]:
    """The figures of `days`, in their order. Raises TidegateError for a day that is not published."""
    if not days:
        return []
    window = Window(min(days), max(days) + ONE_DAY)
    published = (
        _days(con, Window(window.start - WEEKS_COMPARED * ONE_WEEK, window.end)) if are_served(con, MARTS) else {}
    )
    if missing := sorted(set(days) - published.keys()):
        raise TidegateError(
            f"{missing[0]} is not published, so there is nothing to tell of it. No brief was made. "
            f"Run the day with `tidegate run --partition {missing[0]}`; `tidegate status` tells what holds it."
        )
    regions = _parts(con, "daily_sales_by_region", "region", window)
    categories = _parts(con, "daily_sales_by_category", "product_category", window)
    parts = {day: (regions.get(day, []), categories.get(day, [])) for day in days}
    forecasts, quality = _forecasts(con, window), read_quality(con, window)
    older = [each for each in read_older_logic(con, window) if each.model in MARTS]
    return [_facts(day, published, parts[day], forecasts.get(day, []), quality, older) for day in days]


def _facts(
    day: dt.date,
    published: Mapping[dt.date, DayFigures],
    parts: tuple[Sequence[Part], Sequence[Part]],
    forecasts: Sequence[Forecast],
    quality: QualityRecords,
    older: Sequence[OlderModel],
) -> DailyFacts:
    own, (regions, categories) = published[day], parts
    earlier = [day - ago * ONE_WEEK for ago in range(WEEKS_COMPARED, 0, -1)]
    comparable = [published[other] for other in earlier if other in published]
    return DailyFacts(
        day=day,
        net_revenue=Decimal(own["net_revenue"] or 0),
        total_orders=int(own["total_orders"] or 0),
        figures=[_compared(measure, own, comparable) for measure in _measures_of(own, comparable)],
        comparable_days=[_comparable(other, published.get(other)) for other in earlier],
        regions=regions[:MOST_PARTS],
        regions_in_all=len(regions),
        categories=categories[:MOST_PARTS],
        categories_in_all=len(categories),
        forecasts=forecasts,
        quality=quality.of(Window.of_day(day)),
        older_logic=[MartLogic(each.model, each.logic) for each in older if each.day == day and each.logic],
    )


def _measures_of(own: DayFigures, comparable: Sequence[DayFigures]) -> list[str]:
    """A shop that never says what was paid is not told that all is unpaid."""
    has_payments = any(day["paid_amount"] for day in (own, *comparable))
    return [measure for measure in MEASURES if has_payments or measure not in {"paid_amount", "unpaid_orders"}]


def _compared(measure: str, own: DayFigures, comparable: Sequence[DayFigures]) -> ComparedFigure:
    value, others = _decimal(own[measure]), [_decimal(day[measure]) for day in comparable]
    is_judged = measure in JUDGED
    verdict = judge(value, others) if is_judged else compare(value, others)
    return ComparedFigure(measure, own[measure], _change(verdict), is_judged, verdict)


def _change(verdict: Verdict) -> Decimal | None:
    if verdict.value is None or verdict.median is None:
        return None
    return change(verdict.value, verdict.median)


def _decimal(value: Decimal | int | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _comparable(day: dt.date, figures: DayFigures | None) -> ComparableDay:
    if figures is None:
        return ComparableDay(day, None, None)
    return ComparableDay(day, _decimal(figures["net_revenue"]), int(figures["total_orders"] or 0))


def _days(con: DuckDBPyConnection, window: Window) -> dict[dt.date, DayFigures]:
    rows = con.execute(
        f"select order_date, {', '.join(MEASURES)} from serving.daily_sales "
        f"where {day_in('order_date', window.start, window.end)}"
    ).fetchall()
    return {day: dict(zip(MEASURES, row, strict=True)) for day, *row in rows}


def _parts(con: DuckDBPyConnection, mart: str, name: str, window: Window) -> dict[dt.date, list[Part]]:
    """Each day's parts, the one with the most net revenue first."""
    rows = con.execute(
        f"select order_date, {name}, total_orders, net_revenue from serving.{mart} "
        f"where {day_in('order_date', window.start, window.end)} order by order_date, net_revenue desc, {name}"
    ).fetchall()
    parts: dict[dt.date, list[Part]] = {}
    for day, *part in rows:
        parts.setdefault(day, []).append(Part(*part))
    return parts


def _forecasts(con: DuckDBPyConnection, window: Window) -> dict[dt.date, list[Forecast]]:
    """What was expected of each day when it began, by category, the most first; and what was sold."""
    if not are_served(con, [FORECAST]):
        return {}
    rows = con.execute(
        f"""
        select f.as_of_date, f.product_category, coalesce(s.units_sold, 0), f.forecast_units, f.lower_units,
            f.upper_units
        from serving.{FORECAST} as f left join serving.daily_sales_by_category as s
        on s.order_date = f.as_of_date and s.product_category = f.product_category
        where f.days_ahead = 1 and {day_in("as_of_date", window.start, window.end)}
        order by f.as_of_date, f.forecast_units desc, f.product_category
        """
    ).fetchall()
    forecasts: dict[dt.date, list[Forecast]] = {}
    for day, *forecast in rows:
        forecasts.setdefault(day, []).append(Forecast(*forecast))
    return forecasts
