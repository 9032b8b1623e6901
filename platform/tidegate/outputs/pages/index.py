"""The index: one page that lists all weeks and days with their headline figures and links.

Entries come from the JSON of reports and briefs, and from their summaries, so that the index of years is made without
reading all of them again.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Self

from tidegate.outputs.pages.brief import LABELS
from tidegate.outputs.pages.links import row_id
from tidegate.outputs.pages.standing import Missing
from tidegate.outputs.rendering.numbers import MONTHS, amount, long_date, whole
from tidegate.outputs.rendering.page import render
from tidegate.window import Cadence

# What is there (`Report`, `JSON`, `CSV`) and where, relative to the index. The first is the page itself.
Links = Mapping[str, str]


@dataclass(frozen=True)
class WeekEntry:
    """A week's line in the index. Figures are None where no day of the week is published."""

    monday: dt.date
    net_revenue: Decimal | None
    orders: int | None
    became_at_risk: int | None
    days_published: int
    links: Links

    @classmethod
    def of(cls, report_json: str, links: Links) -> Self:
        """The entry of a report, from its JSON."""
        facts = json.loads(report_json)
        week = facts["weeks"][-1]
        return cls(
            monday=dt.date.fromisoformat(facts["monday"]),
            net_revenue=None if week["net_revenue"] is None else Decimal(week["net_revenue"]),
            orders=week["orders"],
            became_at_risk=None if facts["became_at_risk"] is None else facts["became_at_risk"]["customers"],
            days_published=week["days_published"],
            links=links,
        )

    def summary(self) -> str:
        """The entry without its links, as JSON."""
        return _summary(self, ("net_revenue", "orders", "became_at_risk", "days_published"))

    @classmethod
    def of_summary(cls, monday: dt.date, summary: str, links: Links) -> Self:
        facts = json.loads(summary)
        net_revenue = facts.pop("net_revenue")
        return cls(monday, None if net_revenue is None else Decimal(net_revenue), **facts, links=links)


@dataclass(frozen=True)
class DayEntry:
    """A day's line in the index; `flagged` are the names of its unusual figures."""

    day: dt.date
    net_revenue: Decimal
    orders: int
    flagged: Sequence[str]
    links: Links

    @classmethod
    def of(cls, brief_json: str, links: Links) -> Self:
        """The entry of a brief, from its JSON."""
        facts = json.loads(brief_json)
        return cls(
            day=dt.date.fromisoformat(facts["day"]),
            net_revenue=Decimal(facts["net_revenue"]),
            orders=facts["total_orders"],
            flagged=[figure["measure"] for figure in facts["figures"] if figure["verdict"]["is_flagged"]],
            links=links,
        )

    def summary(self) -> str:
        """The entry without its links, as JSON."""
        return _summary(self, ("net_revenue", "orders", "flagged"))

    @classmethod
    def of_summary(cls, day: dt.date, summary: str, links: Links) -> Self:
        facts = json.loads(summary)
        return cls(day, Decimal(facts.pop("net_revenue")), **facts, links=links)


def _summary(entry: WeekEntry | DayEntry, names: Sequence[str]) -> str:
    return json.dumps({name: getattr(entry, name) for name in names}, default=str)


def make_index(
    reports: Sequence[WeekEntry],
    briefs: Sequence[DayEntry],
    missing_weeks: Sequence[Missing] = (),
    missing_days: Sequence[Missing] = (),
) -> str:
    """The index page, the newest first, whatever the order of the entries. What is missing is a row, unless there is a
    page of an earlier version."""
    lines_of_weeks = {each.day: _missing_line(Cadence.weekly, each) for each in missing_weeks}
    lines_of_weeks |= {entry.monday: _week_line(entry) for entry in reports}
    lines_of_days = {each.day: _missing_line(Cadence.daily, each) for each in missing_days}
    lines_of_days |= {entry.day: _day_line(entry) for entry in briefs}
    weeks = sorted(lines_of_weeks.items(), reverse=True)
    days = sorted(lines_of_days.items(), reverse=True)
    return render(
        "index.html",
        title="Reports",
        years=[
            (year, [line for _, line in entries]) for year, entries in groupby(weeks, key=lambda entry: entry[0].year)
        ],
        months=[
            (f"{MONTHS[month - 1]} {year}", [line for _, line in entries])
            for (year, month), entries in groupby(days, key=lambda entry: (entry[0].year, entry[0].month))
        ],
    )


@dataclass(frozen=True)
class Line:
    """A row of the index: what it is called, its cells, and its links, the first of which is the name's own. Of what is
    missing there is no link, and `why` is in place of the cells."""

    row_id: str
    name: str
    cells: Sequence[str]
    href: str
    others: Sequence[tuple[str, str]]
    why: str = ""


def _line(cadence: Cadence, day: dt.date, cells: Sequence[str], links: Links) -> Line:
    (_, href), *others = links.items()
    return Line(row_id(cadence, day), long_date(day), cells, href, others)


def _missing_line(cadence: Cadence, missing: Missing) -> Line:
    return Line(row_id(cadence, missing.day), long_date(missing.day), (), "", (), missing.sentence)


def _week_line(entry: WeekEntry) -> Line:
    cells = (
        f"{entry.days_published} of 7",
        amount(entry.net_revenue),
        whole(entry.orders),
        whole(entry.became_at_risk),
    )
    return _line(Cadence.weekly, entry.monday, cells, entry.links)


def _day_line(entry: DayEntry) -> Line:
    unusual = ", ".join(LABELS.get(measure, measure).lower() for measure in entry.flagged)
    cells = (amount(entry.net_revenue), whole(entry.orders), unusual)
    return _line(Cadence.daily, entry.day, cells, entry.links)
