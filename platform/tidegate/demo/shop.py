"""Writing the demo shop's deliveries into landing, day by day.

What the shop sells is decided in `trade`, which dirt is due where in `dirt`, and `spoil` works it in; here
are only files.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import duckdb

from tidegate.demo.deliveries import CSV, copy_to, deliveries_before, delivery
from tidegate.demo.dirt import Dirt, DirtKind, Plan, plan, sentence
from tidegate.demo.payments import SERVER, create_payments, rows_of_file
from tidegate.demo.spoil import CORRECTED_WITHIN_DAYS, Draft, create_day, day_lines, forget_day
from tidegate.demo.trade import REGIONS, Shop, admit_customers, customer_snapshot, set_up
from tidegate.errors import TidegateError
from tidegate.machine.stopping import end_if_asked
from tidegate.zones import UTC, Zone

# File name and format of an orders delivery, by its dirt.
_PLAIN_FORM = ("orders.csv", CSV)
_OTHER_FORMS: Mapping[DirtKind | None, tuple[str, str]] = {
    DirtKind.GZIP: ("orders.csv.gz", f"{CSV}, compression gzip"),
    DirtKind.JSON_LINES: ("orders.jsonl", "format json"),
    DirtKind.PARQUET: ("orders.parquet", "format parquet"),
}


@dataclass(frozen=True)
class ShopReport:
    """What was written.

    `files` counts data files, `lines` order lines and `payments` those (broken ones too), `customers` those of the
    last snapshot.
    """

    first_day: dt.date
    days: int
    files: int
    lines: int
    payments: int
    customers: int
    dirt: tuple[Dirt, ...]


def write_shop(
    landing: Path,
    *,
    first_day: dt.date,
    days: int,
    orders_per_day: int,
    seed: int,
    dirt: bool = True,
    payments: bool = True,
    zone: Zone = UTC,
) -> ShopReport:
    """Write `days` days of deliveries of `orders` (four regions), `customers` (a snapshot a day) and `payments`
    into `landing`.

    `orders_per_day` is over all regions; an order has two lines on average. The same arguments write the same
    bytes, over earlier ones too. A day does not depend on how many days are asked for, save for which
    delivery is the one so dirty that it has to be rejected. Without `dirt` all files are CSV and all lines
    are sound. Without `payments` there are none. Days are of the time zone `zone`.
    """
    if days < 1 or orders_per_day < 1:
        raise TidegateError(
            f"A shop of {days} days with {orders_per_day} orders a day cannot be written, and nothing was. "
            "Ask for at least one day and one order a day."
        )
    with duckdb.connect(config={"threads": 1}) as con:
        shop = Shop(first_day, orders_per_day, seed, zone)
        return _Writer(con, landing, shop, plan(days) if dirt else None, payments).write(days)


@dataclass
class _Writer:
    con: duckdb.DuckDBPyConnection
    landing: Path
    shop: Shop
    plan: Plan | None
    with_payments: bool
    files: int = 0
    lines: int = 0
    payments: int = 0
    dirt: list[Dirt] = field(default_factory=list)

    def write(self, days: int) -> ShopReport:
        for statement in set_up(self.shop, days):
            self.con.execute(statement)
        for number in range(days):
            end_if_asked(partial(deliveries_before, self.shop.day(number)))
            self._write_customers(number)
            create_day(self.con, self.shop, number)
            if self.with_payments:
                self._write_payments(number)
            for region in REGIONS:
                self._write_orders(number, region)
            forget_day(self.con, number - CORRECTED_WITHIN_DAYS)
        customers = self.shop.customers_on(days - 1)
        first = self.shop.first_day
        return ShopReport(first, days, self.files, self.lines, self.payments, customers, tuple(self.dirt))

    def _write_customers(self, number: int) -> None:
        day = self.shop.day(number)
        self.con.execute(admit_customers(self.shop, number))
        with delivery(self.landing / "customers" / str(day), "customers.csv") as file:
            copy_to(self.con, customer_snapshot(day), file)
        self.files += 1

    def _write_payments(self, number: int) -> None:
        day = self.shop.day(number)
        made = create_payments(self.con, self.shop, number, day_lines(number), dirt=self.plan is not None)
        with delivery(self.landing / "payments" / str(day), "payments.csv") as file:
            copy_to(self.con, rows_of_file(), file)
        self.files += 1
        self.payments += made.count
        if made.kind:
            said = sentence(made.kind, made.spoiled, made.count)
            self.dirt.append(Dirt(day, "payments", SERVER, made.kind, said))

    def _write_orders(self, number: int, region: str) -> None:
        day = self.shop.day(number)
        kind = self.plan.get((number, region)) if self.plan else None
        draft = Draft(self.con, self.shop, number, region, kind)
        spoiled = draft.spoil_lines()
        name, form = _OTHER_FORMS.get(kind, _PLAIN_FORM)
        with delivery(self.landing / "orders" / region / str(day), name) as file:
            written = copy_to(self.con, draft.rows(), file, form)
            draft.spoil_text(file)
        self.files += 1
        self.lines += written
        if kind:
            self.dirt.append(Dirt(day, "orders", region, kind, sentence(kind, spoiled, written)))
