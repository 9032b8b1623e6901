"""The quality page: deliveries and products day by day, what is kept out and why, freshness, and how long runs take.

What the figures are belongs to `over_time`. Here is what the page says of them.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tidegate.outputs.pages.over_time import LATELY, RUNS_OF_DAYS, Freshness, Line, OverTime, Share, State
from tidegate.outputs.rendering.numbers import HUNDRED, NOTHING, long_date, percent, plural, tenth, whole
from tidegate.outputs.rendering.page import Picture, Table, Tile, render
from tidegate.outputs.rendering.records import to_json
from tidegate.outputs.rendering.strips import DARK, EMPTY, FULL, HIGH, PALE, Cell, Strip, draw_strips
from tidegate.window import ONE_DAY, Cadence, windows_of

# As the drawings show them, good days first.
OF_DELIVERIES = {State.accepted: PALE, State.late: HIGH, State.rejected: DARK, State.missing: EMPTY}
OF_PRODUCTS = {
    State.published: PALE,
    State.restated: FULL,
    State.held: DARK,
    State.overdue: HIGH,
    State.awaited: EMPTY,
}

# On a page, so many reasons and exceptions; the JSON has all.
REASONS_SHOWN = 12
EXCEPTIONS_SHOWN = 100
RANGES_NAMED = 6

MINUTES_OF_AN_HOUR = 60


@dataclass(frozen=True)
class QualityPage:
    html: str
    json: str


def make_quality_page(found: OverTime) -> QualityPage:
    return QualityPage(_page(found), to_json("quality", found))


def _page(found: OverTime) -> str:
    return render(
        "quality.html",
        title="Data quality over time",
        lead=_lead(found),
        tiles=_tiles(found),
        deliveries=_deliveries(found),
        products=_products(found),
        shares=_shares(found.shares),
        reasons=_reasons(found),
        freshness=_freshness(found.freshness),
        runs=_runs(found),
        runs_of_days=RUNS_OF_DAYS,
        links=[("All reports", "index.html"), ("The figures as JSON", "quality.json")],
        seen_at=f"{found.seen_at:%Y-%m-%d %H:%M}",
    )


def _lead(found: OverTime) -> str:
    days = plural(len(found.window.days), "day")
    return f"What was delivered and published in the {days} to {long_date(found.last_day)}."


def _tiles(found: OverTime) -> list[Tile]:
    deliveries = _counted(found.deliveries)
    came = deliveries[State.accepted] + deliveries[State.late]
    expected = came + deliveries[State.rejected] + deliveries[State.missing]
    read = sum(share.rows_read for share in found.shares)
    kept_out = sum(share.rows_quarantined for share in found.shares)
    not_there = deliveries[State.rejected] + deliveries[State.missing]
    restated = sum(each.restated for each in found.products)
    return [
        Tile("Deliveries accepted", _share(came, expected), f"{whole(came)} of {whole(expected)}"),
        Tile("Late", whole(deliveries[State.late]), "accepted after the deadline of their contract"),
        Tile("Rejected or missing", whole(not_there), _not_there(deliveries)),
        Tile("Rows in quarantine", _share(kept_out, read), f"{whole(kept_out)} of {whole(read)}"),
        Tile("Held", whole(sum(each.held for each in found.products)), "partitions of products now"),
        Tile("Restated", whole(restated), "published again with other content"),
    ]


def _counted(lines: Sequence[Line]) -> Counter[State]:
    """Days by what became of them."""
    counted: Counter[State] = Counter()
    for line in lines:
        for state, days in Counter(line.states).items():
            counted[state] += days * line.stands_for
    return counted


def _not_there(deliveries: Counter[State]) -> str:
    return f"{whole(deliveries[State.rejected])} rejected, {whole(deliveries[State.missing])} missing"


def _share(part: int, of: int) -> str:
    return percent(HUNDRED * Decimal(part) / Decimal(of)) if of else NOTHING


def _deliveries(found: OverTime) -> Picture:
    counted = _counted(found.deliveries)
    sentence = (
        "Each line is a region of a source, or a source whose regions are alike; each piece is days that went alike. "
        f"{whole(counted[State.late])} late, {_not_there(counted)}."
    )
    return _picture("Deliveries by day", sentence, found.deliveries, OF_DELIVERIES, found, State.accepted)


def _products(found: OverTime) -> Picture:
    picture = _picture(
        "Products by day",
        "What each product shows of each day now. Of a held day consumers see the version that was published last.",
        found.days,
        OF_PRODUCTS,
        found,
        State.published,
    )
    return Picture(picture.title, picture.sentence, picture.svg, [*picture.tables, _counts(found)])


def _picture(
    title: str,
    sentence: str,
    lines: Sequence[Line],
    cells: Mapping[State, Cell],
    found: OverTime,
    good: State,
) -> Picture:
    if not lines:
        return Picture(title, "Nothing yet.", None, [])
    shown = {state: cell for state, cell in cells.items() if any(state in line.states for line in lines)}
    strips = [Strip(line.name, line.states) for line in lines]
    label = f"{title}: {sentence} The table below has every day that is not {good}."
    svg = draw_strips(strips, {str(state): cell for state, cell in shown.items()}, found.first_day, label)
    return Picture(title, sentence, svg, [_exceptions(lines, found.first_day, good)])


def _exceptions(lines: Sequence[Line], first_day: dt.date, good: State) -> Table:
    rows = [row for line in lines for row in _exceptions_of(line, first_day, good)]
    more = f"; the first {EXCEPTIONS_SHOWN} of {len(rows)}" if len(rows) > EXCEPTIONS_SHOWN else ""
    return Table(
        f"Days that are not {good}{more}",
        ("Of", "State", "Which", "Days"),
        rows[:EXCEPTIONS_SHOWN],
        f"All days are {good}.",
        texts=3,
    )


def _exceptions_of(line: Line, first_day: dt.date, good: State) -> Iterator[tuple[str, ...]]:
    days: dict[State, list[dt.date]] = {}
    for number, state in enumerate(line.states):
        if state not in (good, State.nothing):
            days.setdefault(state, []).append(first_day + ONE_DAY * number)
    for state, of_state in days.items():
        yield line.name, str(state), ranges(of_state), whole(len(of_state))


def ranges(days: Sequence[dt.date]) -> str:
    """The newest ranges of days first, and how many older ones there are."""
    windows = windows_of(days)[::-1]
    more = f" and {len(windows) - RANGES_NAMED} more" if len(windows) > RANGES_NAMED else ""
    named = ", ".join(str(each).replace("..", " to ") for each in windows[:RANGES_NAMED])
    return named + more


def _counts(found: OverTime) -> Table:
    return Table(
        "Partitions of each product",
        ("Product", "Of", "Published", "Restated", "Held", "Overdue"),
        [
            (
                each.product,
                Cadence(each.cadence).noun,
                whole(each.published),
                whole(each.restated),
                whole(each.held),
                whole(each.overdue),
            )
            for each in found.products
        ],
        "No product has a partition yet.",
        texts=2,
    )


def _shares(shares: Sequence[Share]) -> Table:
    return Table(
        f"Rows in quarantine, of all days and of the newest {LATELY}",
        ("Source", "Read", "In quarantine", "Share", f"Newest {LATELY}"),
        [
            (
                each.source,
                whole(each.rows_read),
                whole(each.rows_quarantined),
                _share(each.rows_quarantined, each.rows_read),
                _share(each.quarantined_lately, each.read_lately),
            )
            for each in shares
        ],
        "Nothing was delivered.",
    )


def _reasons(found: OverTime) -> Table:
    more = f"; the first {REASONS_SHOWN} of {len(found.reasons)}" if len(found.reasons) > REASONS_SHOWN else ""
    return Table(
        f"Why; a row with several reasons counts for each{more}",
        ("Reason", "Source", "Rows"),
        [(each.reason, each.source, whole(each.rows)) for each in found.reasons[:REASONS_SHOWN]],
        "No row is in quarantine.",
        texts=2,
    )


def _freshness(freshness: Sequence[Freshness]) -> Table:
    return Table(
        "When deliveries came, before the deadline of their contract",
        ("Source", "Deadline", "Late", "Median", "Latest"),
        [
            (
                each.source,
                each.deadline,
                f"{whole(each.late)} of {whole(each.deliveries)}",
                before(each.median_minutes),
                before(each.worst_minutes),
            )
            for each in freshness
        ],
        "No contract has a deadline.",
        texts=2,
    )


def before(minutes: int | None) -> str:
    """`2.5 h before`, `40 min after`."""
    if minutes is None:
        return NOTHING
    size = abs(minutes)
    long = f"{size} min" if size < MINUTES_OF_AN_HOUR else f"{tenth(Decimal(size) / MINUTES_OF_AN_HOUR)} h"
    return f"{long} {'after' if minutes < 0 else 'before'}"


def _runs(found: OverTime) -> Table:
    return Table(
        f"Runs of the {RUNS_OF_DAYS} days before the page was made",
        ("Job", "Runs", "Failed", "Median", "Longest"),
        [
            (run.job, whole(run.runs), whole(run.failed), _seconds(run.median_seconds), _seconds(run.longest_seconds))
            for run in found.runs
        ],
        "No run has ended in that time.",
    )


def _seconds(seconds: float | None) -> str:
    return NOTHING if seconds is None else f"{tenth(Decimal(str(seconds)))} s"
