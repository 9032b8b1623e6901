"""A quarter of a year in which everything happened, as plain values: for what draws and prints it."""

from __future__ import annotations

import datetime as dt
import random

from tidegate.outputs.pages.over_time import Freshness, Line, OverTime, Published, RunTimes, Share, State
from tidegate.outputs.pages.quality import Quarantined
from tidegate.window import ONE_DAY

LAST = dt.date(2026, 3, 4)
DAYS = 91


def mixed_days(seed: int, good: State, bad: tuple[State, ...]) -> list[State]:
    """Mostly good days, in pieces, after some of which nothing is expected."""
    chance = random.Random(seed)
    states: list[State] = [State.nothing] * chance.randrange(10)
    while len(states) < DAYS:
        states += [good] * chance.randrange(1, 20) + [chance.choice(bad)] * chance.randrange(3)
    return states[:DAYS]


def a_quarter(sources: int = 8, products: int = 4) -> OverTime:
    """The quality of 91 days, of so many sources and products."""
    not_good = (State.late, State.rejected, State.missing)
    names = ["orders/eu-west", "orders/us-east, us-west", "customers (4 regions)", 'pay<ments> & "co"/shop']
    names += [f"source_number_{number}/region" for number in range(len(names), sources)]
    return OverTime(
        first_day=LAST - ONE_DAY * (DAYS - 1),
        last_day=LAST,
        seen_at=dt.datetime.combine(LAST, dt.time(9)),
        deliveries=[Line(name, mixed_days(i, State.accepted, not_good)) for i, name in enumerate(names[:sources])],
        shares=[Share("orders", 1_234_567, 4_567, 0, 0), Share("customers", 0, 0, 0, 0)],
        reasons=[Quarantined("orders", f"reason_{number}", 100 - number) for number in range(30)],
        freshness=[
            Freshness("orders", "06:00 (Europe/Berlin)", 360, 4, 75, -310),
            Freshness("new", "06:00 (UTC)", 0, 0, None, None),
        ],
        days=[
            Line(f"product_{i}", mixed_days(50 + i, State.published, (State.restated, State.held, State.overdue)))
            for i in range(products)
        ],
        products=[Published(f"product_{i}", "daily", 80, 4, 3, 1) for i in range(products)],
        runs=[RunTimes("daily", 30, 2, 12.5, 610.0), RunTimes("weekly", 4, 0, None, None)],
    )
