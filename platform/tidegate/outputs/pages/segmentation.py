"""The segmentation report of a Monday: one page, and the same figures as JSON and CSV.

What the figures are belongs to `weekly`, how they are drawn to `charts`. Here is what the report says of them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from duckdb import DuckDBPyConnection

from tidegate.outputs.pages.links import INDEX_FROM_A_PAGE, QUALITY_FROM_A_PAGE, anchor
from tidegate.outputs.pages.quality_words import days_in_words, quality_of_week
from tidegate.outputs.pages.segment_words import NOT_A_CUSTOMER
from tidegate.outputs.pages.segmentation_csv import CSV_COLUMNS, csv_rows
from tidegate.outputs.pages.segmentation_pictures import pictures_of
from tidegate.outputs.pages.standing import Missing, Standing, read_missing, read_standing
from tidegate.outputs.pages.weekly import (
    AT_RISK,
    MARTS,
    RFM_WINDOW,
    Customer,
    Headline,
    WeeklyFacts,
    read_week,
)
from tidegate.outputs.rendering.numbers import (
    TENTH,
    amount,
    date_range,
    long_date,
    percent,
    plural,
    rounded,
    short_date,
    signed_percent,
    weekday,
    whole,
)
from tidegate.outputs.rendering.page import Table, Tile, render
from tidegate.outputs.rendering.records import to_csv, to_json
from tidegate.window import Cadence

HEADLINES = {
    "net_revenue": "Net revenue",
    "orders": "Orders",
    "average_order_value": "Average order value",
    "customers_who_bought": "Customers who bought",
    "returned_amount": "Returned",
}

GLOSSARY = (
    "Amounts are in the shop's currency, to the cent; the data names none. Net revenue is sales less returns.",
    "Recency, frequency and monetary value (net revenue) look at the 365 days before the Monday. Each customer with a "
    "sale gets a score of 1 to 5 for each, in five groups of equal size; 5 is best.",
    "Lapsing: no sale for 90 days or more. High value: a monetary score of 5. At Risk: recency at most 2, frequency "
    "and monetary at least 3.",
    "Orders are counted by day. Customers who bought are counted once in the week; guests are not among them.",
)


@dataclass(frozen=True)
class Report:
    """The report of a Monday: `html` is one file that loads nothing, `json` has all its figures (decimals as strings),
    `csv` the same one a line: `as_of_date, section, item, measure, value`. What is of no single thing is of `all`."""

    monday: dt.date
    html: str
    json: str
    csv: str


def make_report(con: DuckDBPyConnection, monday: dt.date) -> Report:
    """The report of `monday`, of the week before it. Call it where `con` reads one moment.

    Raises TidegateError when that Monday's segmentation is not published.
    """
    facts = read_week(con, monday)
    standing = read_standing(con, MARTS[-1], Cadence.weekly, [monday]).get(monday)
    missing = [each for each in read_missing(con, MARTS[0], Cadence.daily) if facts.first_day <= each.day < monday]
    return Report(
        monday, _page(facts, standing, missing), to_json("segmentation", facts), to_csv(CSV_COLUMNS, csv_rows(facts))
    )


def _page(facts: WeeklyFacts, standing: Standing | None, missing: Sequence[Missing]) -> str:
    heading = f"Week of {date_range(facts.first_day, facts.last_day)}"
    return render(
        "segmentation.html",
        title=f"{heading}: customer segmentation",
        as_of=long_date(facts.monday),
        heading=heading,
        lead=" ".join(_lead(facts)),
        warnings=list(_warnings(facts)),
        tiles=_tiles(facts),
        pictures=pictures_of(facts),
        lists=[_at_risk(facts), _lapsing(facts)],
        standing=standing,
        links=_links(facts.monday),
        missing=Table(
            "What is not published, and why",
            ("Day", "Why"),
            [(long_date(each.day), each.sentence) for each in missing],
            texts=2,
        ),
        quality=quality_of_week(facts.quality),
        glossary=GLOSSARY,
        footer=f"From serving.daily_sales, orders_daily_summary, customer_rfm and segment_summary of {facts.monday}; "
        "data quality from ops and quarantine.",
    )


def _links(monday: dt.date) -> list[tuple[str, str]]:
    """Where to go from here: rows of the index, which has one for each week and day."""
    days = Cadence.weekly.days_about(monday).days
    return [
        ("Week before", anchor(Cadence.weekly, Cadence.weekly.after(monday, -1))),
        ("Week after", anchor(Cadence.weekly, Cadence.weekly.after(monday, 1))),
        *((f"{weekday(day)} {short_date(day)}", anchor(Cadence.daily, day)) for day in days),
        ("Quality over time", QUALITY_FROM_A_PAGE),
        ("All reports", INDEX_FROM_A_PAGE),
    ]


def _lead(facts: WeeklyFacts) -> Iterator[str]:
    week = facts.week
    if week.net_revenue is None:
        yield "No day of the week is published, so there is no trade to report."
    elif not week.orders:
        yield f"There was no sale in the week; net revenue was {amount(week.net_revenue)}."
    else:
        trade = f"Net revenue was {amount(week.net_revenue)} from {plural(week.orders, 'order')}"
        yield f"{trade}{_compared_in_words(facts)}."
    if facts.became_at_risk is not None:
        became = facts.became_at_risk
        yield f"{plural(became.customers, 'customer')} became {AT_RISK}" + (
            f", with net revenue of {amount(became.total_monetary)} in the last 365 days." if became.customers else "."
        )


def _compared_in_words(facts: WeeklyFacts) -> str:
    by = facts.headlines[0].change_percent
    if by is None:
        return ""
    if rounded(by, TENTH) == 0:
        return ", as in the week before"
    return f", {percent(abs(by))} {'above' if by > 0 else 'below'} the week before"


def _warnings(facts: WeeklyFacts) -> Iterator[str]:
    if missing := facts.quality.unpublished_days:
        yield (
            f"{plural(len(missing), 'day')} of this week {'is' if len(missing) == 1 else 'are'} not published "
            f"({days_in_words(missing)}): its figures are of {plural(7 - len(missing), 'day')}."
        )
    if facts.week_before.days_published and not facts.weeks_compare:
        yield (
            f"The week before has {plural(facts.week_before.days_published, 'published day')}, so this week's figures "
            "are not compared with its."
        )
    unpublished = RFM_WINDOW.days - facts.window_days_published
    if unpublished:
        yield (
            f"Segments look back on 365 days, of which {whole(facts.window_days_published)} are published: what was "
            "bought on the others does not count."
        )


def _tiles(facts: WeeklyFacts) -> list[Tile]:
    lapsing = facts.lapsing_high_value
    return [
        *(Tile(HEADLINES[each.measure], _shown(each.value), _against(each, facts)) for each in facts.headlines),
        Tile(
            "Customers known",
            whole(facts.customers),
            f"{whole(facts.customers_without_purchases)} without a purchase in 365 days",
        ),
        _at_risk_tile(facts),
        Tile("Lapsing, high value", whole(lapsing.customers), f"{amount(lapsing.total_monetary)} in 365 days"),
    ]


def _at_risk_tile(facts: WeeklyFacts) -> Tile:
    label = f"Became {AT_RISK}"
    if facts.became_at_risk is None:
        return Tile(label, whole(None), "the Monday before is not published")
    now = whole(_customers_in(facts, AT_RISK))
    return Tile(label, whole(facts.became_at_risk.customers), f"of {now} who are {AT_RISK} now")


def _shown(value: Decimal | int | None) -> str:
    return whole(value) if isinstance(value, int) else amount(value)


def _against(headline: Headline, facts: WeeklyFacts) -> str:
    if facts.week_before.days_published == 0:
        return "the week before is not published"
    if not facts.weeks_compare:
        return "not compared"
    if headline.change_percent is None:
        return f"{_shown(headline.value_before)} the week before"
    return f"{signed_percent(headline.change_percent)} from {_shown(headline.value_before)}"


def _customers_in(facts: WeeklyFacts, name: str) -> int:
    return next(segment.customers for segment in facts.segments if segment.segment == name)


@dataclass(frozen=True)
class CustomerList:
    """Customers worth a call, with the sentence above them."""

    title: str
    sentence: str
    tables: Sequence[Table]


def _at_risk(facts: WeeklyFacts) -> CustomerList:
    title = f"Who became {AT_RISK}"
    became = facts.became_at_risk
    if became is None:
        return CustomerList(title, "The Monday before is not published, so nobody can be said to have become it.", [])
    if not became.customers:
        return CustomerList(title, "Nobody since last week.", [])
    table = Table(
        _of_all("Those with the most revenue", became.most_revenue, became.customers),
        ("Customer", "Was", "Days since sale", "Orders", "Net revenue"),
        [
            (
                c.customer_id,
                c.segment_before or NOT_A_CUSTOMER,
                whole(c.recency_days),
                whole(c.frequency),
                amount(c.monetary),
            )
            for c in became.most_revenue
        ],
        texts=2,
    )
    sentence = (
        f"{plural(became.customers, 'customer')} since last week, with {amount(became.total_monetary)} in 365 days."
    )
    return CustomerList(title, sentence, [table])


def _lapsing(facts: WeeklyFacts) -> CustomerList:
    title = "Lapsing customers of high value"
    lapsing = facts.lapsing_high_value
    if not lapsing.customers:
        return CustomerList(title, "No customer of high value is lapsing.", [])
    table = Table(
        _of_all("Those with the most revenue", lapsing.most_revenue, lapsing.customers),
        ("Customer", "Segment", "Days since sale", "Orders", "Net revenue"),
        [
            (c.customer_id, c.segment, whole(c.recency_days), whole(c.frequency), amount(c.monetary))
            for c in lapsing.most_revenue
        ],
        texts=2,
    )
    sentence = (
        f"{plural(lapsing.customers, 'customer')} of the highest monetary score without a sale for 90 days or more; "
        f"{amount(lapsing.total_monetary)} in 365 days."
    )
    return CustomerList(title, sentence, [table])


def _of_all(what: str, shown: Sequence[Customer], count: int) -> str:
    return what if len(shown) == count else f"{what}: {len(shown)} of {whole(count)}"
