"""Pages in the store: the brief of each day, the report of each Monday, and the index of all.

    reports/daily/<day>/brief.html, brief.json
    reports/segmentation/<monday>/report.html, report.json, report.csv
    reports/index.html, quality.html, quality.json

A page has always the same address, and is replaced at once. What it says is `brief`'s, `segmentation`'s and `index`'s;
these draw, which takes a second to import, so that is done when a page is made.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

from duckdb import DuckDBPyConnection

from tidegate.lake.config import LakeConfig
from tidegate.lake.connect import Lake
from tidegate.lake.lease import lease
from tidegate.ledger.outputs import standing_outputs
from tidegate.ledger.upkeep.days import timezone_of
from tidegate.outputs.making import Made, Unmade
from tidegate.outputs.pages import daily, weekly
from tidegate.outputs.pages.origin import ReadOrigins
from tidegate.outputs.pages.standing import read_missing
from tidegate.publishing.due.made_of import Ingredient, OutputKind
from tidegate.publishing.due.outputs import Output
from tidegate.storage.files import Storage, write
from tidegate.window import ONE_WEEK, Cadence

FOLDER = "reports"
INDEX = f"{FOLDER}/index.html"

BRIEFS = f"{FOLDER}/daily_brief"
REPORTS = f"{FOLDER}/segmentation"

# The files of a page beside the index, by what the index calls them; the first is the page itself.
FILES = {
    BRIEFS: {"Brief": "daily/{day}/brief.html", "JSON": "daily/{day}/brief.json"},
    REPORTS: {
        "Report": "segmentation/{day}/report.html",
        "JSON": "segmentation/{day}/report.json",
        "CSV": "segmentation/{day}/report.csv",
    },
}

# Raised when pages look or say other things than before: all of them are due then.
REVISION = 6

# All pages are made under one lease, since the index is of them all; a lease is of days.
ANY_DAY = dt.date(1970, 1, 1)


@dataclass(frozen=True)
class Page:
    """A page that was drawn: its texts by what the index calls them, its line in the index, and what the UI shows."""

    day: dt.date
    texts: Mapping[str, str]
    summary: str
    markdown: str = ""
    tells_of_publication: bool = False


Draw = Callable[[DuckDBPyConnection, Sequence[dt.date]], Iterator[Page]]


@dataclass(frozen=True)
class Pages:
    """The pages of one kind, and what draws them."""

    kind: OutputKind
    draw: Draw

    def lease(self, config: LakeConfig, days: Collection[dt.date], run_id: str) -> AbstractContextManager[None]:
        return lease(config, FOLDER, [ANY_DAY], run_id)

    def make(self, lake: Lake, store: Storage, wanted: Sequence[Output], run_id: str) -> Iterator[Made | Unmade]:
        made = [self._put(store, page) for page in self.draw(lake.con, [output.day for output in wanted])]
        if made:
            renew_index(lake.con, store, self.kind.name, made)
        # Not before: what the ledger knows is in the index.
        yield from made

    def _put(self, store: Storage, page: Page) -> Made:
        files = files_of(self.kind.name, page.day)
        # The page itself last: who finds it new finds the rest new too.
        write(store, {f"{FOLDER}/{files[name]}": page.texts[name].encode() for name in reversed(files)})
        location = store.address(f"{FOLDER}/{next(iter(files.values()))}")
        return Made(page.day, location, {"page": location}, page.markdown, page.summary, page.tells_of_publication)


def briefs(older_logic: daily.ReadOlderLogic, origins: ReadOrigins = lambda _con, _days: {}) -> Pages:
    """The briefs of days: each of a day, of what was expected of it, and of the same weekday of the weeks before.

    Which logic the day stands on is said and makes no brief due: an edit of the project is no news of any day.
    """
    sales, *parts = daily.MARTS
    compared = tuple(ago * ONE_WEEK.days for ago in range(daily.WEEKS_COMPARED + 1))
    ingredients = (
        Ingredient((sales,), Cadence.daily, compared),
        Ingredient(tuple(parts), Cadence.daily),
        Ingredient((daily.FORECAST,), Cadence.morning, needed=False),
    )
    return Pages(
        OutputKind(BRIEFS, Cadence.daily, ingredients, (0,), REVISION), partial(_draw_briefs, older_logic, origins)
    )


def reports() -> Pages:
    """The segmentation reports of Mondays: each of a Monday, the one before, and the days that are counted in it."""
    sales, customer_days, *segmentation = weekly.MARTS
    days = tuple(range(1, weekly.RFM_WINDOW.days + 1))
    week = days[: ONE_WEEK.days]
    ingredients = (
        Ingredient(tuple(segmentation), Cadence.weekly, (0, ONE_WEEK.days)),
        Ingredient((sales,), Cadence.daily, days),
        # Of the week and the one before.
        Ingredient((customer_days,), Cadence.daily, days[: 2 * ONE_WEEK.days]),
    )
    return Pages(OutputKind(REPORTS, Cadence.weekly, ingredients, week, REVISION), _draw_reports)


def _draw_briefs(
    older_logic: daily.ReadOlderLogic, origins: ReadOrigins, con: DuckDBPyConnection, days: Sequence[dt.date]
) -> Iterator[Page]:
    from tidegate.outputs.pages.brief import make_briefs
    from tidegate.outputs.pages.index import DayEntry

    for brief in make_briefs(con, days, older_logic, timezone_of(con), origins):
        texts = {"Brief": brief.html, "JSON": brief.json}
        summary = DayEntry.of(brief.json, {}).summary()
        yield Page(brief.day, texts, summary, brief.markdown, tells_of_publication=brief.says_older_logic)


def _draw_reports(con: DuckDBPyConnection, days: Sequence[dt.date]) -> Iterator[Page]:
    from tidegate.outputs.pages.index import WeekEntry
    from tidegate.outputs.pages.segmentation import make_report

    for monday in days:
        report = make_report(con, monday)
        texts = {"Report": report.html, "JSON": report.json, "CSV": report.csv}
        yield Page(monday, texts, WeekEntry.of(report.json, {}).summary())


def files_of(kind: str, day: dt.date) -> dict[str, str]:
    """A page's files beside the index."""
    return {name: path.format(day=day) for name, path in FILES[kind].items()}


def renew_index(con: DuckDBPyConnection, store: Storage, kind: str = "", made: Sequence[Made] = ()) -> None:
    """Write the index of all pages that the ledger knows here and of those just made."""
    from tidegate.outputs.pages.index import DayEntry, WeekEntry, make_index

    here = f"{store.address(FOLDER)}/"
    summaries = {
        (row.kind, row.partition_day): row.summary
        for row in standing_outputs(con, FILES)
        if row.location.startswith(here)
    }
    summaries |= {(kind, page.day): page.summary for page in made}
    weeks = [
        WeekEntry.of_summary(day, summary, files_of(REPORTS, day))
        for (of_kind, day), summary in summaries.items()
        if of_kind == REPORTS
    ]
    days = [
        DayEntry.of_summary(day, summary, files_of(BRIEFS, day))
        for (of_kind, day), summary in summaries.items()
        if of_kind == BRIEFS
    ]
    missing = [
        read_missing(con, mart, cadence)
        for mart, cadence in ((weekly.MARTS[-1], Cadence.weekly), (daily.MARTS[0], Cadence.daily))
    ]
    write(store, {INDEX: make_index(weeks, days, *missing).encode()})
