"""`tidegate quality`: how good the data was, day by day, and what was kept out: the quality page in a terminal."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli import console
from tidegate.cli.settings import load_settings
from tidegate.cli.words import AsTextOrJson, TextOrJson, with_plain_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tidegate.outputs.pages.over_time import Line, OverTime

# What stands for each state in a line of days, worse ones higher.
SIGNS = {
    "": " ",
    "accepted": "·",
    "published": "·",
    "awaited": "-",
    "restated": "r",
    "late": "l",
    "missing": "M",
    "overdue": "O",
    "held": "H",
    "rejected": "R",
}

REASONS_NAMED = 12

# Beside the names and a margin; the newest days are shown that fit.
LEAST_DAYS = 7


@with_plain_errors
def quality(
    days: Annotated[int, typer.Option(min=1, max=3660, help="The newest days, so many.")] = 91,
    format: AsTextOrJson = TextOrJson.text,
) -> None:
    """Deliveries and products day by day, quarantine, freshness and run times."""
    from tidegate.home import Home
    from tidegate.outputs.pages.over_time import read_over_time
    from tidegate.outputs.rendering.records import to_json

    home = Home(load_settings(), read_only=True)
    with home.lake() as lake, lake.one_moment() as con:
        found = read_over_time(con, home.expected, dt.datetime.now(dt.UTC), days)
    if format is TextOrJson.json:
        typer.echo(to_json("quality", found), nl=False)
    else:
        print_quality(found)


def print_quality(found: OverTime) -> None:
    """The days as signs, and the rest as tables."""
    console.say(f"{found.first_day} to {found.last_day}, the newest day at the right.")
    _print_lines("Deliveries", found.deliveries, found)
    _print_lines("Products", found.days, found)
    console.show_table(
        ("product", "of", "published", "restated", "held", "overdue"),
        [(p.product, p.cadence, p.published, p.restated, p.held, p.overdue) for p in found.products],
        counts=True,
    )
    console.show_table(
        ("source", "rows read", "in quarantine", "share", "share of the newest 7 days"),
        [
            (
                each.source,
                each.rows_read,
                each.rows_quarantined,
                _share(each.rows_quarantined, each.rows_read),
                _share(each.quarantined_lately, each.read_lately),
            )
            for each in found.shares
        ],
        "In quarantine",
        counts=True,
    )
    console.show_table(
        ("reason", "source", "rows"),
        [(each.reason, each.source, each.rows) for each in found.reasons[:REASONS_NAMED]],
        counts=True,
    )
    if len(found.reasons) > REASONS_NAMED:
        console.say(f"… {len(found.reasons) - REASONS_NAMED} more reasons: --format json")
    console.show_table(
        ("source", "deadline", "deliveries", "late", "median minutes before", "at the latest"),
        [(f.source, f.deadline, f.deliveries, f.late, f.median_minutes, f.worst_minutes) for f in found.freshness],
        "Freshness",
        counts=True,
    )
    console.show_table(
        ("job", "runs", "failed", "median s", "longest s"),
        [(run.job, run.runs, run.failed, run.median_seconds, run.longest_seconds) for run in found.runs],
        "Run times",
        counts=True,
    )


def _print_lines(title: str, lines: Sequence[Line], found: OverTime) -> None:
    if not lines:
        return
    names = max(len(line.name) for line in lines)
    room = max(console.out.width - names - 2, LEAST_DAYS) if console.out.is_terminal else len(found.window.days)
    states = {str(state) for line in lines for state in line.states if state}
    legend = ", ".join(f"{SIGNS[state]} {state}" for state in SIGNS if state in states)
    console.heading(f"{title}: {legend or 'nothing yet'}")
    for line in lines:
        signs = "".join(SIGNS[state] for state in line.states)
        console.say(f"{line.name:{names}}  {signs[-room:]}")


def _share(part: int, of: int) -> str:
    return f"{part / of:.2%}" if of else ""
