"""The figures of the segmentation report of a Monday, read from `serving`.

A report is of a Monday: segments as of that day, trade of the seven days before it. Sums are SQL's, of decimals;
nothing here is a float. How figures are shown belongs to `segmentation`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from duckdb import DuckDBPyConnection

from tidegate.errors import TidegateError
from tidegate.lake.sql import day_in, literal
from tidegate.outputs.pages.quality import Quality, read_quality
from tidegate.outputs.pages.served import are_served
from tidegate.outputs.rendering.numbers import change, ratio
from tidegate.window import ONE_DAY, ONE_WEEK, Window

MARTS = ("daily_sales", "orders_daily_summary", "customer_rfm", "segment_summary")

TREND_WEEKS = 13
RFM_WINDOW = 365 * ONE_DAY
SCORES = range(1, 6)

# In the order of the rules that make them, as in customer_rfm; the last have no sale in the window.
SEGMENTS = (
    "Champions",
    "Loyal Customers",
    "Potential Loyalists",
    "At Risk",
    "Cannot Lose Them",
    "New Customers",
    "Hibernating",
    "Need Attention",
    "Others",
    "No Purchases",
)
AT_RISK = "At Risk"
NO_PURCHASES = "No Purchases"

# What fits on a phone's screen, and what one calls up in a morning.
MOST_AT_RISK = 10
MOST_LAPSING = 15


@dataclass(frozen=True)
class Week:
    """Trade of the seven days from `first_day`, summed over those that are published; None without any.

    An order counts on each day that it has a sale on. `average_order_value` is gross revenue by orders.
    """

    first_day: dt.date
    days_published: int
    orders: int | None
    returns: int | None
    units_sold: int | None
    gross_revenue: Decimal | None
    returned_amount: Decimal | None
    net_revenue: Decimal | None
    guest_orders: int | None
    average_order_value: Decimal | None


@dataclass(frozen=True)
class Headline:
    """A figure of the week and of the week before. None: not published, or an average of nothing.

    `change_percent` is None too where the weeks do not compare, and where there was nothing before to compare with.
    """

    measure: str
    value: Decimal | int | None
    value_before: Decimal | int | None
    change_percent: Decimal | None


@dataclass(frozen=True)
class Segment:
    """A segment as of the Monday. `customers_before`: a week earlier, None where that Monday is not published."""

    segment: str
    customers: int
    customers_before: int | None
    total_monetary: Decimal
    revenue_share_percent: Decimal | None
    mean_monetary: Decimal | None
    mean_frequency: Decimal | None
    mean_recency_days: Decimal | None


@dataclass(frozen=True)
class Move:
    """So many customers went from a segment to another. None: not among the customers then."""

    from_segment: str | None
    to_segment: str | None
    customers: int


@dataclass(frozen=True)
class Customer:
    """One customer of a list, with what it is ranked by."""

    customer_id: str
    segment: str
    segment_before: str | None
    recency_days: int | None
    frequency: int
    monetary: Decimal


@dataclass(frozen=True)
class HeatCell:
    """The customers with these two scores, both 1 to 5."""

    recency_score: int
    frequency_score: int
    customers: int
    total_monetary: Decimal


@dataclass(frozen=True)
class CustomerGroup:
    """Customers that have something in common: all of them counted, and those with the most revenue."""

    customers: int
    total_monetary: Decimal
    most_revenue: Sequence[Customer]


@dataclass(frozen=True)
class WeeklyFacts:
    """Everything that the report of a Monday shows.

    `weeks` are 13, the newest last. `weeks_compare`: the last two have equally many published days, so that a change
    is one of trade and not of what is missing. Among `headlines`, customers who bought are distinct within the week,
    guests left out. `moves` and `became_at_risk` are None where the Monday before is not published.
    `window_days_published`: of the 365 days that the segments look back on.
    """

    monday: dt.date
    first_day: dt.date
    last_day: dt.date
    weeks: Sequence[Week]
    weeks_compare: bool
    headlines: Sequence[Headline]
    customers: int
    customers_without_purchases: int
    window_days_published: int
    segments: Sequence[Segment]
    moves: Sequence[Move] | None
    became_at_risk: CustomerGroup | None
    heat_map: Sequence[HeatCell]
    lapsing_high_value: CustomerGroup
    quality: Quality

    @property
    def week(self) -> Week:
        return self.weeks[-1]

    @property
    def week_before(self) -> Week:
        return self.weeks[-2]


def read_week(con: DuckDBPyConnection, monday: dt.date) -> WeeklyFacts:
    """The figures of a Monday. Raises TidegateError when `serving` has no segmentation of that day."""
    _refuse_what_is_not_published(con, monday)
    window = Window(monday - ONE_WEEK, monday)
    before = monday - ONE_WEEK if _is_published(con, monday - ONE_WEEK) else None
    weeks = _weeks(con, monday)
    segments = _segments(con, monday, before)
    return WeeklyFacts(
        monday=monday,
        first_day=window.start,
        last_day=window.end - ONE_DAY,
        weeks=weeks,
        weeks_compare=_compare(*weeks[-2:]),
        headlines=_headlines(con, *weeks[-2:]),
        customers=sum(segment.customers for segment in segments),
        customers_without_purchases=sum(s.customers for s in segments if s.segment == NO_PURCHASES),
        window_days_published=_days_published(con, Window(monday - RFM_WINDOW, monday)),
        segments=segments,
        moves=_moves(con, monday, before) if before else None,
        became_at_risk=_became_at_risk(con, monday, before) if before else None,
        heat_map=_heat_map(con, monday),
        lapsing_high_value=_lapsing_high_value(con, monday),
        quality=read_quality(con, window).of(window),
    )


def _refuse_what_is_not_published(con: DuckDBPyConnection, monday: dt.date) -> None:
    if monday.weekday() != 0:
        raise TidegateError(f"{monday} is not a Monday, and a segmentation report is of a Monday. Nothing was made.")
    if not are_served(con, MARTS) or not _is_published(con, monday):
        raise TidegateError(
            f"The segmentation of Monday {monday} is not published, or no day was yet, so there is nothing to report. "
            f"Nothing was made. Run days with `tidegate run --partition DAY`, then the Monday with "
            f"`tidegate run --partition {monday} --cadence weekly`; `tidegate status` tells what holds them."
        )


def _is_published(con: DuckDBPyConnection, monday: dt.date) -> bool:
    """A Monday may be published and have no customers."""
    found = con.execute(
        "select 1 from ops.publications where mart = 'customer_rfm' and superseded_by is null "
        f"and partition_day = {literal(monday)} limit 1"
    ).fetchone()
    return found is not None


def _weeks(con: DuckDBPyConnection, monday: dt.date) -> list[Week]:
    """The trend's weeks, oldest first."""
    found = con.execute(
        f"""
        select date_trunc('week', order_date)::date as first_day,
            count(*), sum(total_orders), sum(total_returns), sum(units_sold), sum(gross_revenue), sum(returned_amount),
            sum(net_revenue), sum(guest_orders)
        from serving.daily_sales
        where {day_in("order_date", monday - TREND_WEEKS * ONE_WEEK, monday)}
        group by first_day
        """
    ).fetchall()
    sums = {first_day: row for first_day, *row in found}
    firsts = [monday - ago * ONE_WEEK for ago in range(TREND_WEEKS, 0, -1)]
    return [_week(first, *sums[first]) if first in sums else _nothing(first) for first in firsts]


def _week(
    first_day: dt.date,
    days: int,
    orders: int,
    returns: int,
    units: int,
    gross: Decimal,
    returned: Decimal,
    net: Decimal,
    guest_orders: int,
) -> Week:
    return Week(first_day, days, orders, returns, units, gross, returned, net, guest_orders, ratio(gross, orders))


def _nothing(first_day: dt.date) -> Week:
    return Week(first_day, 0, None, None, None, None, None, None, None, None)


def _compare(before: Week, week: Week) -> bool:
    return week.days_published == before.days_published > 0


def _headlines(con: DuckDBPyConnection, before: Week, week: Week) -> list[Headline]:
    figures = {
        "net_revenue": (week.net_revenue, before.net_revenue),
        "orders": (week.orders, before.orders),
        "average_order_value": (week.average_order_value, before.average_order_value),
        "customers_who_bought": (_buyers(con, week), _buyers(con, before)),
        "returned_amount": (week.returned_amount, before.returned_amount),
    }
    return [
        Headline(measure, value, value_before, _change(value, value_before) if _compare(before, week) else None)
        for measure, (value, value_before) in figures.items()
    ]


def _change(value: Decimal | int | None, before: Decimal | int | None) -> Decimal | None:
    return None if value is None or before is None else change(value, before)


def _buyers(con: DuckDBPyConnection, week: Week) -> int | None:
    if not week.days_published:
        return None
    return _count(
        con,
        "select count(distinct customer_id) from serving.orders_daily_summary "
        f"where total_orders > 0 and {day_in('order_date', week.first_day, week.first_day + ONE_WEEK)}",
    )


def _days_published(con: DuckDBPyConnection, window: Window) -> int:
    inside = day_in("order_date", window.start, window.end)
    return _count(con, f"select count(*) from serving.daily_sales where {inside}")


def _count(con: DuckDBPyConnection, query: str) -> int:
    ((count,),) = con.execute(query).fetchall()
    return int(count)


def _segments(con: DuckDBPyConnection, monday: dt.date, before: dt.date | None) -> list[Segment]:
    """All segments in their order, those without customers too; any that the rules do not name come last."""
    found = con.execute(
        "select segment, customers, total_monetary, revenue_share_percent, mean_monetary, mean_frequency, "
        f"mean_recency_days from serving.segment_summary where as_of_date = {literal(monday)} order by segment"
    ).fetchall()
    earlier = con.execute(
        f"select segment, customers from serving.segment_summary where as_of_date = {literal(before)}"
    ).fetchall()
    now, customers_before = {name: row for name, *row in found}, dict(earlier)
    names = [*SEGMENTS, *sorted((now.keys() | customers_before.keys()) - set(SEGMENTS))]
    empty = (0, Decimal("0.0000"), None, None, None, None)
    return [_segment(name, customers_before.get(name, 0) if before else None, *now.get(name, empty)) for name in names]


def _segment(
    name: str,
    customers_before: int | None,
    customers: int,
    total: Decimal,
    share: Decimal | None,
    mean_monetary: Decimal | None,
    mean_frequency: Decimal | None,
    mean_recency_days: Decimal | None,
) -> Segment:
    return Segment(name, customers, customers_before, total, share, mean_monetary, mean_frequency, mean_recency_days)


def _as_of(day: dt.date) -> str:
    return f"(from serving.customer_rfm where as_of_date = {literal(day)})"


def _moves(con: DuckDBPyConnection, monday: dt.date, before: dt.date) -> list[Move]:
    """Every pair of segments, the same one included, with most customers first."""
    rows = con.execute(
        f"select b.segment, n.segment, count(*) as customers from {_as_of(monday)} as n "
        f"full join {_as_of(before)} as b using (customer_id) group by all "
        "order by customers desc, b.segment nulls last, n.segment nulls last"
    ).fetchall()
    return [Move(*row) for row in rows]


def _became_at_risk(con: DuckDBPyConnection, monday: dt.date, before: dt.date) -> CustomerGroup:
    arrived = (
        f"from {_as_of(monday)} as n left join {_as_of(before)} as b using (customer_id) "
        f"where n.segment = {literal(AT_RISK)} and b.segment is distinct from {literal(AT_RISK)}"
    )
    return _group(con, arrived, "b.segment", MOST_AT_RISK)


def _lapsing_high_value(con: DuckDBPyConnection, monday: dt.date) -> CustomerGroup:
    return _group(con, f"from {_as_of(monday)} as n where n.is_lapsing and n.is_high_value", "null", MOST_LAPSING)


def _group(con: DuckDBPyConnection, members: str, segment_before: str, limit: int) -> CustomerGroup:
    """The customers `n` of a query's end, with `limit` of them by name."""
    ((count, total),) = con.execute(f"select count(*), coalesce(sum(n.monetary), 0) {members}").fetchall()
    rows = con.execute(
        f"select n.customer_id, n.segment, {segment_before}, n.recency_days, n.frequency, n.monetary {members} "
        f"order by n.monetary desc, n.customer_id limit {limit}"
    ).fetchall()
    return CustomerGroup(count, total, [Customer(*row) for row in rows])


def _heat_map(con: DuckDBPyConnection, monday: dt.date) -> list[HeatCell]:
    """All 25 cells, by recency and then frequency; empty without any customer with a score."""
    rows = con.execute(
        f"select recency_score, frequency_score, count(*), sum(monetary) from {_as_of(monday)} "
        "where recency_score is not null and frequency_score is not null group by all"
    ).fetchall()
    found = {(recency, frequency): (count, total) for recency, frequency, count, total in rows}
    if not found:
        return []
    nobody = (0, Decimal("0.0000"))
    return [HeatCell(r, f, *found.get((r, f), nobody)) for r in SCORES for f in SCORES]
