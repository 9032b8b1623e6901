"""A shop whose regions write local times by different clocks, and what pandas makes of its files.

The half that reckons in pandas reads the files and knows the zones' names, and nothing of Tidegate.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from tests.support.runs.home import CONTRACTS
from tests.support.runs.landing import Landing, Line

# By region: the zone whose clock it writes by, and what its contract says of times at a clock change.
CLOCKS = {"north": ("Europe/Berlin", "quarantine"), "south": ("America/New_York", "later")}
CUSTOMERS = [f"c{number}" for number in range(12)]
# A time that the clock of each region skipped.
SKIPPED = {"north": dt.datetime(2024, 3, 31, 2, 30), "south": dt.datetime(2024, 3, 10, 2, 30)}  # noqa: DTZ001 - local

MEASURES = (
    "total_orders", "total_returns", "units_sold", "gross_revenue", "returned_amount", "net_revenue",
    "total_discount", "unique_customers", "guest_orders",
)  # fmt: skip


def write_contracts(folder: Path) -> Path:
    """The contracts of the end-to-end tests, with the regions' clocks."""
    folder.mkdir()
    for file in CONTRACTS.glob("*.yaml"):
        text = file.read_text()
        for region, (zone, at_changes) in CLOCKS.items():
            clock = (
                f"customProperties: [{{property: timezone, value: {zone}}}, "
                f"{{property: timesAtClockChanges, value: {at_changes}}}]"
            )
            text = text.replace(
                f'"orders/{region}/{{day}}", format: auto}}', f'"orders/{region}/{{day}}", format: auto, {clock}}}'
            )
        (folder / file.name).write_text(text)
    return folder


def deliver(landing: Landing, zone: str, days: Sequence[dt.date]) -> None:
    """Deliver orders of every part of these days of the zone, some a day late and some once more with another price."""
    chance = random.Random(f"{zone} {days[0]}")
    deliveries: dict[tuple[dt.date, str], list[Line]] = {(day, region): [] for day in days for region in CLOCKS}
    for day in days:
        landing.customers(day, CUSTOMERS)
        for region in CLOCKS:
            for line in _lines_of(day, region, zone, chance):
                come = [day, *(later for later in (day + dt.timedelta(days=1),) if later in days)]
                for delivered_on in chance.choice(([day], [day], [day], come, come[-1:])):
                    price = f"{chance.randrange(1, 100_000) / 100:.4f}"
                    deliveries[delivered_on, region].append(replace(line, unit_price=price))
    for (day, region), lines in deliveries.items():
        landing.orders(day, region, lines)


def _lines_of(day: dt.date, region: str, zone: str, chance: random.Random) -> Iterator[Line]:
    begin, end = (
        dt.datetime.combine(each, dt.time(), ZoneInfo(zone)).timestamp() for each in (day, day + dt.timedelta(days=1))
    )
    clock = ZoneInfo(CLOCKS[region][0])
    edges = [begin, begin + 1, end - 1, *(begin + 1800 * n for n in range(12))]
    for number, moment in enumerate([*edges, *(chance.randrange(int(begin), int(end)) for _ in range(20))]):
        local = dt.datetime.fromtimestamp(moment, clock).replace(tzinfo=None)
        yield _line(f"{region}-{day}-{number}", local, chance)
    if SKIPPED[region].date() == day:
        yield _line(f"{region}-{day}-skipped", SKIPPED[region], chance)


def _line(order: str, local: dt.datetime, chance: random.Random) -> Line:
    return Line(
        order,
        local.date(),
        quantity=chance.choice((1, 1, 2, 3, -1)),
        category=chance.choice(("books", "toys", "games")),
        customer_id=chance.choice([*CUSTOMERS, "", ""]),
        time=str(local.time()),
    )


# --- what pandas makes of it


def read_files(landing: Path, zone: str) -> pd.DataFrame:
    """The lines that count, each on its day of the zone: the newest delivered version of each that can be read."""
    lines = pd.concat([_read_file(file) for file in sorted(landing.glob("orders/*/*/orders.csv"))])
    lines = lines[lines["moment"].notna()].copy()
    lines["day"] = lines["moment"].dt.tz_convert(zone).dt.date
    lines = lines[lines["day"] <= lines["delivered"]]
    newest = lines.sort_values("delivered", kind="stable").drop_duplicates("order", keep="last")
    return newest.reset_index(drop=True)


def _read_file(file: Path) -> pd.DataFrame:
    region, day = file.parts[-3:-1]
    rows = pd.read_csv(file, dtype=str)
    zone, at_changes = CLOCKS[region]
    local = pd.to_datetime(rows["ordered_at"])
    if at_changes == "later":
        moment = local.dt.tz_localize(
            zone, ambiguous=np.zeros(len(rows), dtype=bool), nonexistent=pd.Timedelta(hours=1)
        )
    else:
        moment = local.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    quantity = rows["quantity"].astype(int)
    numbers = zip(quantity, rows["unit_price"], rows["discount_amount"], strict=True)
    return pd.DataFrame(
        {
            "order": rows["order_id"],
            "customer": rows["customer_id"],
            "region": region,
            "category": rows["product_category"],
            "quantity": quantity,
            "amount": [count * Decimal(price) - Decimal(discount) for count, price, discount in numbers],
            "discount": rows["discount_amount"].map(Decimal),
            "moment": moment.dt.tz_convert("UTC"),
            "delivered": dt.date.fromisoformat(day),
        }
    )


def figures(lines: pd.DataFrame, by: list[str]) -> list[tuple[Any, ...]]:
    """The `MEASURES` of the lines for each combination of the columns `by`, in order."""
    return [(*key, *_measures(group)) for key, group in lines.groupby(by, sort=True)]


def _measures(lines: pd.DataFrame) -> tuple[Any, ...]:
    sales, returns = lines[lines["quantity"] > 0], lines[lines["quantity"] < 0]
    return (
        sales["order"].nunique(),
        returns["order"].nunique(),
        int(sales["quantity"].sum()),
        sum(sales["amount"], Decimal(0)),
        -sum(returns["amount"], Decimal(0)),
        sum(lines["amount"], Decimal(0)),
        sum(lines["discount"], Decimal(0)),
        sales["customer"].nunique(),
        sales[sales["customer"].isna()]["order"].nunique(),
    )
