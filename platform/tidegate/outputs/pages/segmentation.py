"""The segmentation report of a Monday: one page, and the same figures as JSON and CSV.

What the figures are belongs to `weekly`, how they are drawn to `charts`. Here is what the report says of them.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from duckdb import DuckDBPyConnection

from tidegate.outputs.pages.links import INDEX_FROM_A_PAGE, anchor
from tidegate.outputs.pages.quality import Quality
from tidegate.outputs.pages.quality_words import days_in_words, quality_of_week
from tidegate.outputs.pages.standing import Missing, Standing, read_missing, read_standing
from tidegate.outputs.pages.weekly import (
    AT_RISK,
    MARTS,
    RFM_WINDOW,
    SCORES,
    Customer,
    CustomerGroup,
    Headline,
    Move,
    Week,
    WeeklyFacts,
    read_week,
)
from tidegate.outputs.rendering.charts import Bar, Column, Series, draw_bars, draw_columns, draw_heat_map, draw_moves
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
    tenth,
    weekday,
    whole,
)
from tidegate.outputs.rendering.page import Picture, Table, Tile, render
from tidegate.outputs.rendering.records import to_csv, to_json
from tidegate.window import Cadence

NOT_A_CUSTOMER = "Not a customer yet"
NO_CUSTOMER_ANY_MORE = "No customer any more"
# Of all ways from one segment to another, those worth a line.
LARGEST_MOVES = 12

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
        monday, _page(facts, standing, missing), to_json("segmentation", facts), to_csv(CSV_COLUMNS, _csv_rows(facts))
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
        pictures=[_trend(facts), _segments(facts), _moves(facts), _heat_map(facts)],
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


def _trend(facts: WeeklyFacts) -> Picture:
    title = "Revenue and orders, 13 weeks"
    published = [week for week in facts.weeks if week.days_published]
    tables = [_trend_table(facts.weeks)]
    if not published:
        return Picture(title, "None of these weeks has a published day.", None, tables)
    label = f"Columns of net revenue and of orders for each of the 13 weeks up to {long_date(facts.last_day)}."
    svg = draw_columns(
        [
            Series(
                "Net revenue",
                [_column(week, week.net_revenue, facts) for week in facts.weeks],
                amount(facts.week.net_revenue),
            ),
            Series("Orders", [_column(week, week.orders, facts) for week in facts.weeks], whole(facts.week.orders)),
        ],
        label,
    )
    return Picture(title, " ".join(_trend_sentences(facts)), svg, tables)


def _column(week: Week, value: Decimal | int | None, facts: WeeklyFacts) -> Column:
    partial = 0 < week.days_published < 7
    return Column(short_date(week.first_day), value, is_main=week is facts.week, is_partial=partial)


def _trend_sentences(facts: WeeklyFacts) -> Iterator[str]:
    yield "Weeks by their first day, a Monday; this week in colour."
    if any(0 < week.days_published < 7 for week in facts.weeks):
        yield "Outlined: not all days are published."
    missing = sum(not week.days_published for week in facts.weeks)
    if missing:
        yield f"{plural(missing, 'week')} without a published day {'is' if missing == 1 else 'are'} left out, not zero."


def _trend_table(weeks: Sequence[Week]) -> Table:
    return Table(
        "Trade by week, the newest first",
        ("Week from", "Days published", "Net revenue", "Gross revenue", "Returned", "Orders", "Average order value"),
        [
            (
                str(week.first_day),
                f"{week.days_published} of 7",
                amount(week.net_revenue),
                amount(week.gross_revenue),
                amount(week.returned_amount),
                whole(week.orders),
                amount(week.average_order_value),
            )
            for week in reversed(weeks)
        ],
    )


def _segments(facts: WeeklyFacts) -> Picture:
    title = "Segments by customers and revenue"
    tables = [_segment_table(facts)]
    if not facts.customers:
        return Picture(title, "The newest customer snapshot before this Monday has no customer.", None, [])
    svg = draw_bars(
        [segment.segment for segment in facts.segments],
        [
            ("Customers", [Bar(s.customers, whole(s.customers)) for s in facts.segments]),
            ("Revenue share", [Bar(s.total_monetary, percent(s.revenue_share_percent)) for s in facts.segments]),
        ],
        f"Bars of customers and of revenue for each of {len(facts.segments)} segments as of {long_date(facts.monday)}.",
    )
    biggest = max(facts.segments, key=lambda segment: segment.total_monetary)
    return Picture(title, _biggest_in_words(biggest.segment, biggest.revenue_share_percent), svg, tables)


def _biggest_in_words(name: str, share: Decimal | None) -> str:
    if share is None:
        return "There is no net revenue in the 365 days, so there are no shares of it."
    return f"Net revenue of the last 365 days; {name} brought {percent(share)} of it."


def _segment_table(facts: WeeklyFacts) -> Table:
    return Table(
        f"Segments as of {facts.monday}, over 365 days",
        (
            "Segment",
            "Customers",
            "A week before",
            "Net revenue",
            "Share",
            "Mean revenue",
            "Mean orders",
            "Mean days since sale",
        ),
        [
            (
                segment.segment,
                whole(segment.customers),
                whole(segment.customers_before),
                amount(segment.total_monetary),
                percent(segment.revenue_share_percent),
                amount(segment.mean_monetary),
                tenth(segment.mean_frequency),
                tenth(segment.mean_recency_days),
            )
            for segment in facts.segments
        ],
    )


def _moves(facts: WeeklyFacts) -> Picture:
    title = "Who moved since last week"
    if facts.moves is None:
        return Picture(title, "The Monday before is not published, so nobody can be said to have moved.", None, [])
    moved = [move for move in facts.moves if move.from_segment != move.to_segment]
    if not moved:
        return Picture(title, "Every customer is in the segment of a week ago.", None, [])
    left, came = Counter[str | None](), Counter[str | None]()
    for move in moved:
        left[move.from_segment] += move.customers
        came[move.to_segment] += move.customers
    svg = draw_moves(
        [(segment.segment, left[segment.segment], came[segment.segment]) for segment in facts.segments],
        ("left", "came"),
        "For each segment, how many customers left it since last week and how many came into it.",
    )
    total = sum(move.customers for move in moved)
    sentence = (
        f"{plural(total, 'customer')} changed segment, or came new: to the left those who left a segment, to the right "
        "those who came."
    )
    return Picture(title, sentence, svg, [_largest_moves(moved), _move_matrix(facts)])


def _largest_moves(moved: Sequence[Move]) -> Table:
    return Table(
        "The largest moves",
        ("From", "To", "Customers"),
        [(*_ends(move), whole(move.customers)) for move in moved[:LARGEST_MOVES]],
        texts=2,
    )


def _ends(move: Move) -> tuple[str, str]:
    return move.from_segment or NOT_A_CUSTOMER, move.to_segment or NO_CUSTOMER_ANY_MORE


def _move_matrix(facts: WeeklyFacts) -> Table:
    """Every customer of both Mondays: rows are last week's segments, columns this week's."""
    counts = {(move.from_segment, move.to_segment): move.customers for move in facts.moves or ()}
    names = [segment.segment for segment in facts.segments]
    rows: list[str | None] = [*names, None]
    return Table(
        "From last week's segment (rows) to this week's (columns)",
        ("From", *names, NO_CUSTOMER_ANY_MORE),
        [(row or NOT_A_CUSTOMER, *(whole(counts.get((row, to), 0)) for to in rows)) for row in rows],
    )


def _heat_map(facts: WeeklyFacts) -> Picture:
    title = "Recency by frequency"
    if not facts.heat_map:
        return Picture(title, "No customer has a sale in the 365 days, so nobody has scores.", None, [])
    cells = {(cell.recency_score, cell.frequency_score): cell for cell in facts.heat_map}
    svg = draw_heat_map(
        [[cells[recency, frequency].customers for frequency in SCORES] for recency in SCORES],
        ("Recency score", "Frequency score"),
        "A grid of how many customers have each recency score, upwards, and each frequency score, to the right.",
    )
    table = Table(
        "Customers and their net revenue by scores",
        ("Recency", "Frequency", "Customers", "Net revenue"),
        [
            (str(c.recency_score), str(c.frequency_score), whole(c.customers), amount(c.total_monetary))
            for c in reversed(facts.heat_map)
        ],
        texts=2,
    )
    return Picture(
        title, "Customers by score, 5 is best: the best at the upper right, the lost at the lower left.", svg, [table]
    )


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


CSV_COLUMNS = ("as_of_date", "section", "item", "measure", "value")
CsvRow = tuple[object, ...]
CsvRecord = tuple[str, str, Mapping[str, object]]

OF_THE_REPORT = ("weeks_compare", "customers", "customers_without_purchases", "window_days_published")


def _csv_rows(facts: WeeklyFacts) -> Iterator[CsvRow]:
    for section, item, figures in _csv_records(facts):
        for measure, value in figures.items():
            yield facts.monday, section, item, measure, value


def _csv_records(facts: WeeklyFacts) -> Iterator[CsvRecord]:
    """Every record of the report, with the section it is in and what it is of."""
    yield "report", "all", {measure: getattr(facts, measure) for measure in OF_THE_REPORT}
    yield from (("headlines", headline.measure, vars(headline)) for headline in facts.headlines)
    yield from (("weeks", str(week.first_day), vars(week)) for week in facts.weeks)
    yield from (("segments", segment.segment, vars(segment)) for segment in facts.segments)
    yield from (("moves", " → ".join(_ends(move)), vars(move)) for move in facts.moves or ())
    yield from (("heat_map", f"R{cell.recency_score} F{cell.frequency_score}", vars(cell)) for cell in facts.heat_map)
    if facts.became_at_risk:
        yield from _csv_group("became_at_risk", facts.became_at_risk)
    yield from _csv_group("lapsing_high_value", facts.lapsing_high_value)
    yield from _csv_quality(facts.quality)


def _csv_group(section: str, group: CustomerGroup) -> Iterator[CsvRecord]:
    """How many they are, and those with the most revenue one by one."""
    yield section, "all", {"customers": group.customers, "total_monetary": group.total_monetary}
    yield from ((f"{section}_most_revenue", customer.customer_id, vars(customer)) for customer in group.most_revenue)


def _csv_quality(quality: Quality) -> Iterator[CsvRecord]:
    yield from (("unpublished_days", str(day), {"day": day}) for day in quality.unpublished_days)
    yield from (("earlier_days_changed", str(day), {"day": day}) for day in quality.earlier_days_changed)
    yield from (("rows_loaded", row.source, vars(row)) for row in quality.rows)
    yield from (("quarantined", f"{entry.source}: {entry.reason}", vars(entry)) for entry in quality.quarantined)
    yield from (("restated", str(entry.day), vars(entry)) for entry in quality.restated)
    places = (("stand_ins", quality.stand_ins), ("waived", quality.waived), ("rejected", quality.rejected))
    for section, entries in places:
        yield from ((section, f"{entry.source}/{entry.region} {entry.day}", vars(entry)) for entry in entries)
