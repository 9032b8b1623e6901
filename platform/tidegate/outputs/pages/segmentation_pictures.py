"""What the segmentation report draws: trade of 13 weeks, segments, who moved between them, and scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal

from tidegate.outputs.pages.segment_words import NO_CUSTOMER_ANY_MORE, NOT_A_CUSTOMER, ends_of
from tidegate.outputs.pages.weekly import (
    SCORES,
    Move,
    Week,
    WeeklyFacts,
)
from tidegate.outputs.rendering.charts import Bar, Column, Series, draw_bars, draw_columns, draw_heat_map, draw_moves
from tidegate.outputs.rendering.numbers import (
    amount,
    long_date,
    percent,
    plural,
    short_date,
    tenth,
    whole,
)
from tidegate.outputs.rendering.page import Picture, Table

# Of all ways from one segment to another, those worth a line.
LARGEST_MOVES = 12


def pictures_of(facts: WeeklyFacts) -> list[Picture]:
    return [_trend(facts), _segments(facts), _moves(facts), _heat_map(facts)]


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
        [(*ends_of(move), whole(move.customers)) for move in moved[:LARGEST_MOVES]],
        texts=2,
    )


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
