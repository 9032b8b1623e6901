"""A landing folder filled by hand: deliveries of a few lines, replaced, emptied, spoiled and purged at will.

A program's or a test's own; what Tidegate makes of the files is not known here.
"""

from __future__ import annotations

import csv
import datetime as dt
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

REGIONS = ("north", "south")

ORDER_COLUMNS = (
    "order_id",
    "line_number",
    "customer_id",
    "product_id",
    "product_category",
    "quantity",
    "unit_price",
    "discount_amount",
    "ordered_at",
    "country",
)
CUSTOMER_COLUMNS = ("customer_id", "registered_on", "email", "country")


@dataclass(frozen=True)
class Line:
    """An order line, ordered at noon of `ordered_on` unless another time is said."""

    order_id: str
    ordered_on: dt.date
    line_number: int = 1
    quantity: int = 1
    unit_price: str = "10.0000"
    category: str = "books"
    customer_id: str = "c1"
    time: str = "12:00:00"

    @property
    def row(self) -> tuple[str, ...]:
        return (
            self.order_id,
            str(self.line_number),
            self.customer_id,
            "p1",
            self.category,
            str(self.quantity),
            self.unit_price,
            "0.1000",
            f"{self.ordered_on} {self.time}",
            "NO",
        )


@dataclass(frozen=True)
class Landing:
    """The landing folder `root`. Every delivery is one CSV file with `_SUCCESS` beside it."""

    root: Path

    def orders(self, day: dt.date, region: str, lines: Iterable[Line]) -> None:
        """Deliver these lines in place of what was delivered before; none: a file with only its header."""
        self._deliver(self._of_orders(day, region), "orders.csv", [ORDER_COLUMNS, *(line.row for line in lines)])

    def customers(self, day: dt.date, ids: Iterable[str] = ("c1", "c2")) -> None:
        rows = [(customer, "2020-01-01", "", "NO") for customer in ids]
        self._deliver(self.root / "customers" / str(day), "customers.csv", [CUSTOMER_COLUMNS, *rows])

    def day(self, day: dt.date, unit_price: str = "10.0000", lines: int = 3) -> None:
        """A day of every source and region that is sound; `unit_price` tells one version from another."""
        self.customers(day)
        for region in REGIONS:
            self.orders(day, region, sound_lines(day, region, unit_price, lines))

    def empty(self, day: dt.date, region: str) -> None:
        self.orders(day, region, [])

    def spoil(self, day: dt.date, region: str) -> None:
        """Deliver what the contract rejects as a whole: three of four lines without a price."""
        prices = ["", "", "", "1"]
        lines = [Line(f"spoiled-{i}", day, unit_price=price) for i, price in enumerate(prices)]
        self.orders(day, region, lines)

    def purge(self, day: dt.date) -> None:
        """Remove the day's deliveries, as a landing does that keeps nothing for long."""
        for folder in (self.root / "customers" / str(day), *(self._of_orders(day, r) for r in REGIONS)):
            shutil.rmtree(folder, ignore_errors=True)

    def _of_orders(self, day: dt.date, region: str) -> Path:
        return self.root / "orders" / region / str(day)

    def _deliver(self, folder: Path, name: str, rows: Sequence[Sequence[str]]) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
        (folder / "_SUCCESS").touch()


def sound_lines(day: dt.date, region: str, unit_price: str = "10.0000", lines: int = 3) -> list[Line]:
    """Lines of as many orders of one region, the last one taken back, of two categories and customers."""
    return [
        Line(
            f"{region}-{day}-{i}",
            day,
            quantity=-1 if i == lines - 1 else i + 1,
            unit_price=unit_price,
            category=("books", "toys")[i % 2],
            customer_id=("c1", "c2", "")[i % 3],
        )
        for i in range(lines)
    ]
