"""What becomes wrong by the clock alone: a delivery's or a partition's deadline passes, and nothing else happens.

It is entered in `ops.contents` as it is noticed, like everything that the quality page is made of, so that the page is
made again for it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Mapping

from duckdb import DuckDBPyConnection

from tidegate.lake.connect import Lake
from tidegate.lake.sql import literal
from tidegate.ledger.contents import GONE, Content, Kind, enter_contents
from tidegate.ledger.entries import utc_now
from tidegate.outputs.pages.over_time import DAYS, Expected, State, deliveries_in, newest_window
from tidegate.window import Window

# The subject of these contents, and what they come from.
CLOCK = "clock"


def enter_what_is_overdue(lake: Lake, expected: Expected, now: dt.datetime) -> None:
    """Enter of each of the newest days what of it is missing or overdue at `now`, which has an offset."""
    with lake.one_moment() as con:
        window = newest_window(con, expected, now, DAYS)
        overdue = _overdue(con, expected, window, now)
        entered = _entered(con, window)
    entered_at = utc_now()
    changed = [
        Content(Kind.report, CLOCK, "what is missing or overdue", day, overdue.get(day, GONE), entered_at, CLOCK)
        for day in window.days
        if overdue.get(day, GONE) != entered.get(day, GONE)
    ]
    if changed:
        lake.unit_of_work(lambda con: enter_contents(con, changed))


def _overdue(con: DuckDBPyConnection, expected: Expected, window: Window, now: dt.datetime) -> dict[dt.date, str]:
    """By day, a hash over the names of what is missing or overdue."""
    names: dict[dt.date, set[str]] = defaultdict(set)
    for line in deliveries_in(con, expected, window, now):
        for day, state in zip(window.days, line.states, strict=True):
            if state is State.missing:
                names[day].add(line.name)
    rows = con.execute(
        "select partition_day, cadence || ' ' || product from serving.calendar "
        f"where state in ('awaited', 'overdue') and deadline <= {literal(now.astimezone(dt.UTC).replace(tzinfo=None))} "
        f"and partition_day between {literal(window.start)} and {literal(window.last)}"
    ).fetchall()
    for day, product in rows:
        names[day].add(product)
    return {day: hashlib.sha256("\n".join(sorted(of_day)).encode()).hexdigest()[:16] for day, of_day in names.items()}


def _entered(con: DuckDBPyConnection, window: Window) -> Mapping[dt.date, str]:
    rows = con.execute(
        "select day, max_by(content, rowid) from ops.contents "
        f"where kind = {literal(Kind.report.value)} and subject = {literal(CLOCK)} "
        f"and day between {literal(window.start)} and {literal(window.last)} group by day"
    ).fetchall()
    return dict(rows)
