"""The brief of a day: one small page, the same as Markdown for Dagster's UI, and its figures as JSON.

What the figures are belongs to `daily`, which of them are unusual to `anomalies`. Here is what the brief says of them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from duckdb import DuckDBPyConnection

from tidegate.outputs.pages.anomalies import LIMITS, MIN_COMPARABLE_DAYS
from tidegate.outputs.pages.daily import (
    MARTS,
    WEEKS_COMPARED,
    ComparedFigure,
    DailyFacts,
    Forecast,
    Part,
    ReadOlderLogic,
    read_days,
)
from tidegate.outputs.pages.links import INDEX_FROM_A_PAGE, QUALITY_FROM_A_PAGE, anchor
from tidegate.outputs.pages.meanings import Meaning, read_meanings
from tidegate.outputs.pages.origin import ReadOrigins, checks_in_words, deliveries_table
from tidegate.outputs.pages.quality_words import QualitySection, quality_of_day
from tidegate.outputs.pages.standing import Standing, read_standing
from tidegate.outputs.rendering.charts import Column, Series, draw_columns
from tidegate.outputs.rendering.drawing import to_data_uri
from tidegate.outputs.rendering.markdown import heading, image, paragraph, strong
from tidegate.outputs.rendering.markdown import table as markdown_table
from tidegate.outputs.rendering.numbers import (
    MINUS,
    NOTHING,
    amount,
    long_date,
    percent,
    plural,
    short_date,
    signed_percent,
    tenth,
    weekday,
    whole,
)
from tidegate.outputs.rendering.page import Picture, Table, Tile, render
from tidegate.outputs.rendering.records import to_json
from tidegate.window import ONE_DAY, Cadence
from tidegate.zones import UTC

LABELS = {
    "net_revenue": "Net revenue",
    "gross_revenue": "Gross revenue",
    "total_orders": "Orders",
    "average_order_value": "Average order value",
    "units_sold": "Units sold",
    "unique_customers": "Customers",
    "guest_orders": "Orders of guests",
    "total_returns": "Returns",
    "returned_amount": "Returned",
    "total_discount": "Discounts",
    "paid_amount": "Paid",
    "unpaid_orders": "Orders unpaid that day",
}
HEADLINES = ("net_revenue", "total_orders", "average_order_value", "unique_customers")

_LIMITS = ", ".join(f"{limit} with {days} days" for days, limit in sorted(LIMITS.items(), reverse=True))
TIMES = "\N{MULTIPLICATION SIGN}"
RULE = (
    f"A figure is unusual when its score, 0.6745 {TIMES} (figure {MINUS} median) ÷ MAD over the same weekday of the "
    f"{WEEKS_COMPARED} weeks before, is further from zero than those of 99 in 100 ordinary figures ({_LIMITS}). It is "
    "the modified z-score of Iglewicz and Hoaglin, 1993. MAD is the median distance from the median; where it is zero, "
    f"1.2533 {TIMES} the mean distance takes the place of MAD ÷ 0.6745, and where all those days are the same, any "
    f"other figure is unusual. With fewer than {MIN_COMPARABLE_DAYS} published days to compare with, nothing is. "
    "Figures with a dash for a score are not judged."
)


@dataclass(frozen=True)
class Brief:
    """The brief of a day.

    `flagged` names the unusual figures, `says_older_logic` that the day was built with other logic than the project
    has; `markdown` has an inline picture; `json` has all figures, decimals as strings.
    """

    day: dt.date
    flagged: tuple[str, ...]
    says_older_logic: bool
    html: str
    markdown: str
    json: str


def make_briefs(
    con: DuckDBPyConnection,
    days: Sequence[dt.date],
    read_older_logic: ReadOlderLogic,
    timezone: str = UTC.name,
    read_origins: ReadOrigins = lambda _con, _days: {},
) -> Iterator[Brief]:
    """The briefs of `days`, in their order. `serving` is asked once for all, at once; pages are made one by one. They
    say that their days are of `timezone`.

    Raises TidegateError when one of the days is not published.
    """
    standing = read_standing(con, MARTS[0], Cadence.daily, days)
    meanings = read_meanings(con, MARTS[0], LABELS) if days else []
    origins = read_origins(con, days)
    return (
        _brief(replace(facts, origin=origins.get(facts.day)), standing.get(facts.day), meanings, timezone)
        for facts in read_days(con, days, read_older_logic)
    )


def _brief(facts: DailyFacts, standing: Standing | None, meanings: Sequence[Meaning], timezone: str) -> Brief:
    picture = _picture(facts)
    quality = quality_of_day(facts.quality)
    return Brief(
        day=facts.day,
        flagged=tuple(figure.measure for figure in facts.flagged),
        says_older_logic=bool(facts.older_logic),
        html=_page(facts, picture, quality, standing, meanings, timezone),
        markdown=_markdown(facts, picture, quality),
        json=to_json("brief", facts),
    )


def _page(
    facts: DailyFacts,
    picture: Picture,
    quality: QualitySection,
    standing: Standing | None,
    meanings: Sequence[Meaning],
    timezone: str,
) -> str:
    return render(
        "brief.html",
        title=f"{long_date(facts.day)}: daily brief",
        heading=long_date(facts.day),
        day=facts.day,
        lead=_lead(facts),
        flags=_flags(facts),
        tiles=_tiles(facts, {each.column for each in meanings}),
        picture=picture,
        figures=_figures_table(facts),
        parts_of_day=_parts(facts),
        forecasts=_forecasts_table(facts.forecasts),
        quality=quality,
        rule=RULE,
        timezone=timezone,
        older_logic=_older_logic(facts),
        standing=standing,
        origin=facts.origin and (checks_in_words(facts.origin), deliveries_table(facts.origin)),
        links=_links(facts.day),
        meanings=meanings,
    )


def _links(day: dt.date) -> list[tuple[str, str]]:
    """Where to go from here. The index has a row for each day and week, with a page or with why there is none."""
    monday = Cadence.weekly.after(day, 1)
    return [
        (f"Day before: {long_date(day - ONE_DAY)}", anchor(Cadence.daily, day - ONE_DAY)),
        (f"Day after: {long_date(day + ONE_DAY)}", anchor(Cadence.daily, day + ONE_DAY)),
        ("Its week", anchor(Cadence.weekly, monday)),
        ("Quality over time", QUALITY_FROM_A_PAGE),
        ("All reports", INDEX_FROM_A_PAGE),
    ]


def _markdown(facts: DailyFacts, picture: Picture, quality: QualitySection) -> str:
    """The brief as Dagster shows it: tables of GitHub's kind, and the picture as a `data:` address."""
    blocks = [heading(long_date(facts.day)), paragraph(_lead(facts))]
    blocks += [f"{strong('Unusual:')} {paragraph(flag)}" for flag in _flags(facts)]
    if picture.svg:
        blocks.append(image(_picture_label(facts), to_data_uri(picture.svg)))
    blocks += [markdown_table(_figures_table(facts)), paragraph(RULE), heading(quality.title)]
    blocks += [*map(paragraph, quality.sentences), *(markdown_table(one) for one in quality.tables if one.rows)]
    blocks += [paragraph(sentence) for sentence in _older_logic(facts)]
    return "\n\n".join(blocks) + "\n"


def _older_logic(facts: DailyFacts) -> list[str]:
    """Which logic the day stands on, where the project had another one by the time of the page."""
    return [
        f"{each.mart} of this day was built with older logic ({each.logic}) than the project had when the page was "
        "made."
        for each in facts.older_logic
    ]


def _lead(facts: DailyFacts) -> str:
    if not facts.total_orders:
        return f"No sale on this day; net revenue was {amount(facts.net_revenue)}."
    said = f"Net revenue was {amount(facts.net_revenue)} from {plural(facts.total_orders, 'order')}"
    net_revenue = next(figure for figure in facts.figures if figure.measure == "net_revenue")
    by = net_revenue.change_percent
    if by is None:
        return said + "."
    usual = f"the median of {plural(net_revenue.verdict.comparable_days, weekday(facts.day))} before it"
    return f"{said}, {percent(abs(by))} {'above' if by >= 0 else 'below'} {usual}."


def _flags(facts: DailyFacts) -> list[str]:
    """A sentence for each unusual figure."""
    return [_flag(figure, facts.day) for figure in facts.flagged]


def _flag(figure: ComparedFigure, day: dt.date) -> str:
    verdict = figure.verdict
    high_or_low = "high" if verdict.direction == "above" else "low"
    median = _as_measured(figure, verdict.median)
    said = f"{LABELS[figure.measure]}, unusually {high_or_low} for a {weekday(day)}: {_shown(figure)}, median {median}"
    return (
        f"{said}, score {tenth(verdict.score)}."
        if verdict.score is not None
        else f"{said} on each of the days compared."
    )


def _shown(figure: ComparedFigure) -> str:
    return whole(figure.value) if isinstance(figure.value, int) else amount(figure.value)


def _as_measured(figure: ComparedFigure, value: Decimal | None) -> str:
    """A median of counts may lie between two."""
    return tenth(value) if isinstance(figure.value, int) else amount(value)


def _tiles(facts: DailyFacts, described: Collection[str]) -> list[Tile]:
    figures = {figure.measure: figure for figure in facts.figures}
    return [
        Tile(LABELS[name], _shown(figures[name]), _against(figures[name]), f"#{name}" if name in described else "")
        for name in HEADLINES
    ]


def _against(figure: ComparedFigure) -> str:
    median = figure.verdict.median
    if median is None:
        return "no day to compare with"
    if figure.change_percent is None:
        return f"median {_as_measured(figure, median)}"
    return f"{signed_percent(figure.change_percent)} from {_as_measured(figure, median)}"


def _figures_table(facts: DailyFacts) -> Table:
    compared = sum(day.net_revenue is not None for day in facts.comparable_days)
    return Table(
        f"This day and the median of {plural(compared, weekday(facts.day))} before it",
        ("Figure", "This day", "Median", "Score"),
        [
            (LABELS[figure.measure], _shown(figure), _as_measured(figure, figure.verdict.median), _score(figure))
            for figure in facts.figures
        ],
    )


def _score(figure: ComparedFigure) -> str:
    verdict = figure.verdict
    if not verdict.is_flagged:
        return tenth(verdict.score)
    score = f"{tenth(verdict.score)}, " if verdict.score is not None else ""
    return f"{score}{'high' if verdict.direction == 'above' else 'low'}"


def _picture(facts: DailyFacts) -> Picture:
    title = f"{weekday(facts.day)}s, {WEEKS_COMPARED} weeks back"
    known = [day for day in facts.comparable_days if day.net_revenue is not None]
    sentence = "This day in colour; the dashed line is the median of the days before it."
    if missing := len(facts.comparable_days) - len(known):
        sentence += f" {plural(missing, 'day')} not published {'is' if missing == 1 else 'are'} left out, not zero."
    medians = {figure.measure: figure.verdict.median for figure in facts.figures}
    svg = draw_columns(
        [
            Series("Net revenue", _columns(facts, "net_revenue"), amount(facts.net_revenue), medians["net_revenue"]),
            Series("Orders", _columns(facts, "total_orders"), whole(facts.total_orders), medians["total_orders"]),
        ],
        _picture_label(facts),
    )
    return Picture(title, sentence, svg, [_comparable_table(facts)])


def _picture_label(facts: DailyFacts) -> str:
    return (
        f"Columns of net revenue and of orders on {long_date(facts.day)} and on the {weekday(facts.day)}s of the "
        f"{WEEKS_COMPARED} weeks before."
    )


def _columns(facts: DailyFacts, measure: str) -> list[Column]:
    earlier = [Column(short_date(day.day), getattr(day, measure)) for day in facts.comparable_days]
    return [*earlier, Column(short_date(facts.day), getattr(facts, measure), is_main=True)]


def _comparable_table(facts: DailyFacts) -> Table:
    days = [(facts.day, facts.net_revenue, facts.total_orders)]
    days += [(d.day, d.net_revenue, d.total_orders) for d in reversed(facts.comparable_days)]  # type: ignore[misc]
    return Table(
        "The days compared, the newest first",
        ("Day", "Net revenue", "Orders"),
        [(str(day), amount(revenue), whole(orders)) for day, revenue, orders in days],
    )


def _parts(facts: DailyFacts) -> list[Table]:
    return [
        _parts_table("Region", "Regions", facts.regions, facts.regions_in_all),
        _parts_table("Category", "Categories", facts.categories, facts.categories_in_all),
    ]


def _parts_table(one: str, many: str, parts: Sequence[Part], in_all: int) -> Table:
    shown = "" if len(parts) == in_all else f": {len(parts)} of {whole(in_all)}"
    return Table(
        f"{many} by net revenue{shown}",
        (one, "Orders", "Net revenue"),
        [(part.name or NOTHING, whole(part.total_orders), amount(part.net_revenue)) for part in parts],
        f"No {one.lower()} had a line on this day.",
    )


WITHIN = {True: "yes", False: "no", None: NOTHING}


def _forecasts_table(forecasts: Sequence[Forecast]) -> Table:
    """What was expected beside what came."""
    return Table(
        "Units sold, and expected when the day began",
        ("Category", "Sold", "Expected", "From", "To", "Within"),
        [
            (
                *(forecast.name or NOTHING, whole(forecast.sold), tenth(forecast.expected)),
                *(tenth(forecast.lower), tenth(forecast.upper), WITHIN[forecast.is_within]),
            )
            for forecast in forecasts
        ],
    )
