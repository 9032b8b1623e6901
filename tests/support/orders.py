"""Orders and payments for tests of dbt_project: made up, written to raw as the intake would, reckoned up in Python."""

from __future__ import annotations

import datetime as dt
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tidegate.lake.connect import Lake
from tidegate.lake.sql import literal, qualified, quoted
from tidegate.lake.tables import ensure_table
from tidegate.window import ONE_DAY, Window

FIRST_DAY = dt.date(2024, 1, 1)
LATENESS = dt.timedelta(days=7)
ZERO = Decimal("0.0000")

MODELS = frozenset(
    f"model.shop.{name}"
    for name in (
        "stg_orders", "stg_customers", "stg_payments", "int_orders", "orders_daily_summary",
        "daily_customers", "daily_sales", "daily_sales_by_region", "daily_sales_by_category",
    )
)  # fmt: skip

RAW_ORDERS = {
    "order_id": "varchar",
    "line_number": "integer",
    "customer_id": "varchar",
    "product_id": "varchar",
    "product_category": "varchar",
    "quantity": "integer",
    "unit_price": "decimal(18, 4)",
    "discount_amount": "decimal(18, 4)",
    "ordered_at": "timestamp",
    "country": "varchar",
    "_region": "varchar",
    "_delivered_on": "date",
    "_file": "varchar",
    "_fingerprint": "varchar",
}
RAW_CUSTOMERS = {
    "customer_id": "varchar",
    "registered_on": "date",
    "email": "varchar",
    "country": "varchar",
    "_region": "varchar",
    "_delivered_on": "date",
    "_file": "varchar",
    "_fingerprint": "varchar",
}
RAW_PAYMENTS = {
    "payment_id": "varchar",
    "order_id": "varchar",
    "amount": "decimal(18, 4)",
    "method": "varchar",
    "paid_at": "timestamp",
    "_region": "varchar",
    "_delivered_on": "date",
    "_file": "varchar",
    "_fingerprint": "varchar",
}


def day(number: int) -> dt.date:
    """The day of that number, from 1."""
    return FIRST_DAY + ONE_DAY * (number - 1)


@dataclass(frozen=True)
class Line:
    """One delivered version of an order line."""

    order_id: str
    delivered_on: dt.date
    ordered_at: dt.datetime
    line_number: int = 1
    customer_id: str | None = "anna"
    product_category: str | None = "toys"
    quantity: int = 1
    unit_price: Decimal = Decimal("2.5000")
    discount_amount: Decimal = ZERO
    region: str = "eu"

    @property
    def key(self) -> tuple[str, int]:
        return self.order_id, self.line_number

    @property
    def order_date(self) -> dt.date:
        return self.ordered_at.date()

    @property
    def amount(self) -> Decimal:
        return self.quantity * self.unit_price - self.discount_amount


@dataclass(frozen=True)
class Payment:
    """One delivered version of a payment."""

    payment_id: str
    order_id: str
    delivered_on: dt.date
    paid_at: dt.datetime
    amount: Decimal = Decimal("2.5000")


def line(order_id: str, on: dt.date, delivered_on: dt.date | None = None, **values: Any) -> Line:
    """A line ordered on the noon of `on`, delivered that day if nothing else is said."""
    return Line(order_id, delivered_on or on, dt.datetime.combine(on, dt.time(12)), **values)


def write_orders(lake: Lake, lines: Iterable[Line]) -> None:
    """Make raw.orders hold exactly these lines."""
    rows = [
        (
            *(row.order_id, row.line_number, row.customer_id, "p1", row.product_category, row.quantity),
            *(row.unit_price, row.discount_amount, row.ordered_at, "DE", row.region, row.delivered_on),
            *("orders.csv", "f"),
        )
        for row in lines
    ]
    _write(lake, "orders", RAW_ORDERS, rows)


def write_customers(lake: Lake, snapshots: Mapping[dt.date, Sequence[str]]) -> None:
    """Make raw.customers hold exactly these customers of each day."""
    rows = [
        (customer, FIRST_DAY, f"{customer}@example.com", "DE", "crm", on, "customers.json", "f")
        for on, customers in snapshots.items()
        for customer in customers
    ]
    _write(lake, "customers", RAW_CUSTOMERS, rows)


def write_payments(lake: Lake, payments: Iterable[Payment]) -> None:
    """Make raw.payments hold exactly these payments."""
    rows = [
        (
            *(row.payment_id, row.order_id, row.amount, "card", row.paid_at),
            "shop",
            row.delivered_on,
            "payments.csv",
            "f",
        )
        for row in payments
    ]
    _write(lake, "payments", RAW_PAYMENTS, rows)


def _write(lake: Lake, source: str, columns: Mapping[str, str], rows: Sequence[tuple[Any, ...]]) -> None:
    table = qualified("raw", source)
    lake.unit_of_work(lambda con: ensure_table(con, "raw", source, columns, "_delivered_on"))
    lake.con.execute(f"delete from {table}")
    if rows:
        values = ", ".join(f"({', '.join(map(literal, row))})" for row in rows)
        lake.con.execute(f"insert into {table} ({', '.join(map(quoted, columns))}) values {values}")


def random_lines(seed: int, days: int, orders_per_day: int = 12) -> list[Line]:
    """Orders with all that orders have: guests, returns, late lines, corrections, lines that move or span regions."""
    chance = random.Random(seed)
    lines: list[Line] = []
    for number in range(1, days + 1):
        for index in range(chance.randrange(orders_per_day)):
            lines += _random_order(chance, f"order-{number}-{index}", day(number))
    return _one_a_delivery(lines + [_correction(chance, row) for row in lines if chance.random() < 0.2])


def _random_order(chance: random.Random, order_id: str, on: dt.date) -> list[Line]:
    customer = chance.choice(["anna", "bert", "cleo", None])
    region = chance.choice(["eu", "us"])
    lines = []
    for number in range(1, chance.randrange(2, 5)):
        sale = chance.random() < 0.8
        quantity = chance.randrange(1, 5) if sale else -chance.randrange(1, 3)
        price = Decimal(chance.randrange(0, 200_000)) / 10_000
        lines.append(
            Line(
                order_id=order_id,
                line_number=number,
                customer_id=customer if chance.random() < 0.95 else "dora",
                product_category=chance.choice(["toys", "books", "art", None]),
                quantity=quantity,
                unit_price=price,
                discount_amount=(price / 3).quantize(ZERO) if sale and chance.random() < 0.3 else ZERO,
                ordered_at=dt.datetime.combine(on, dt.time(chance.randrange(24), chance.randrange(60))),
                delivered_on=on + ONE_DAY * chance.choice([0, 0, 0, 0, 1, 3, 7]),
                region=region if chance.random() < 0.9 else "ap",
            )
        )
    return lines


def _correction(chance: random.Random, row: Line) -> Line:
    """A later version of a line: on its day or a day before or after, in reach of it or too late for it."""
    delivered_on = row.delivered_on + ONE_DAY * chance.choice([0, 1, 2, 6, 9])
    moved = row.ordered_at + ONE_DAY * chance.choice([0, 0, -1, 1])
    return replace(
        row,
        quantity=row.quantity + 5,
        delivered_on=delivered_on,
        region=chance.choice(["ap", "eu", "us"]),
        ordered_at=min(moved, dt.datetime.combine(delivered_on, dt.time(23))),
    )


def random_payments(seed: int, lines: Iterable[Line]) -> list[Payment]:
    """Payments of all kinds: none, several, refunds, for another day's order, late, moved and corrected."""
    chance = random.Random(seed)
    payments: dict[tuple[str, dt.date], Payment] = {}
    for order_id, on in sorted({(row.order_id, row.order_date) for row in lines}):
        for number in range(chance.choice([0, 1, 1, 1, 2])):
            paid_at = dt.datetime.combine(on, dt.time(chance.randrange(24))) + ONE_DAY * chance.choice([0, 0, 0, 1, 3])
            delivered_on = paid_at.date() + ONE_DAY * chance.choice([0, 0, 0, 1, 7, 9])
            amount = Decimal(chance.randrange(-50_000, 200_000)) / 10_000
            paid = Payment(f"{order_id}/{on}/{number}", order_id, delivered_on, paid_at, amount)
            corrected = replace(
                paid,
                delivered_on=delivered_on + ONE_DAY * chance.choice([0, 1, 8]),
                paid_at=paid_at - ONE_DAY * chance.choice([0, 1]),
                amount=amount + 1,
            )
            for version in (paid, corrected) if chance.random() < 0.3 else (paid,):
                payments[version.payment_id, version.delivered_on] = version
    return [row for row in payments.values() if row.delivered_on - LATENESS <= row.paid_at.date()]


def _one_a_delivery(lines: Iterable[Line]) -> list[Line]:
    """One version of a key in a delivery, as the intake leaves it; and none older than the contract lets in."""
    of_deliveries = {(row.key, row.delivered_on, row.region): row for row in lines}
    return [row for row in of_deliveries.values() if row.delivered_on - LATENESS <= row.order_date]


def staged(lines: Iterable[Line], on: dt.date) -> list[Line]:
    """The lines of a day: of each key the newest version among those delivered on the day or within the lateness."""
    newest: dict[tuple[str, int], Line] = {}
    for row in sorted(lines, key=lambda row: (row.delivered_on, _reversed(row.region))):
        if on <= row.delivered_on <= on + LATENESS:
            newest[row.key] = row
    return [row for row in newest.values() if row.order_date == on]


def payments_of(payments: Iterable[Payment], on: dt.date) -> list[Payment]:
    """The payments of a day, as `staged` has its lines."""
    newest: dict[str, Payment] = {}
    for row in sorted(payments, key=lambda row: row.delivered_on):
        if on <= row.delivered_on <= on + LATENESS:
            newest[row.payment_id] = row
    return [row for row in newest.values() if row.paid_at.date() == on]


def paid_measures(lines: Iterable[Line], payments: Sequence[Payment]) -> dict[str, Any]:
    """What payments of a day say of that day and its lines."""
    orders = {row.order_id for row in lines if row.quantity > 0}
    return {
        "paid_amount": sum((row.amount for row in payments), ZERO),
        "unpaid_orders": len(orders - {row.order_id for row in payments}),
    }


def _reversed(text: str) -> tuple[int, ...]:
    """Sorts texts of one length backwards: of one day's regions the first by name comes last, and stands."""
    return tuple(-ord(letter) for letter in text)


def measures(lines: Sequence[Line]) -> dict[str, Any]:
    """The measures of MARTS.md over staged lines."""
    sales = [row for row in lines if row.quantity > 0]
    returns = [row for row in lines if row.quantity < 0]
    orders = {row.order_id for row in sales}
    gross = sum((row.amount for row in sales), ZERO)
    return {
        "total_orders": len(orders),
        "total_returns": len({row.order_id for row in returns}),
        "units_sold": sum(row.quantity for row in sales),
        "gross_revenue": gross,
        "returned_amount": -sum((row.amount for row in returns), ZERO),
        "net_revenue": sum((row.amount for row in lines), ZERO),
        "average_order_value": (gross / len(orders)).quantize(ZERO, ROUND_HALF_UP) if orders else None,
        "total_discount": sum((row.discount_amount for row in lines), ZERO),
        "unique_customers": len({row.customer_id for row in sales} - {None}),
        "guest_orders": len({row.order_id for row in sales if row.customer_id is None}),
        "top_category_by_orders": top_category(sales),
    }


def top_category(sales: Iterable[Line]) -> str | None:
    orders: dict[str, set[str]] = defaultdict(set)
    for row in sales:
        orders[category(row)].add(row.order_id)
    return min(orders, key=lambda name: (-len(orders[name]), name), default=None)


def category(row: Line) -> str:
    return row.product_category or "uncategorised"


def expected_marts(
    lines: Sequence[Line], window: Window, payments: Sequence[Payment] = ()
) -> dict[str, list[dict[str, Any]]]:
    """What the marts hold of the window, each mart's rows by its keys in order."""
    marts: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for on in window.days:
        of_day = staged(lines, on)
        paid = paid_measures(of_day, payments_of(payments, on))
        marts["daily_sales"].append({"order_date": on, **measures(of_day), **paid})
        for region in sorted({row.region for row in of_day}):
            rows = [row for row in of_day if row.region == region]
            marts["daily_sales_by_region"].append({"order_date": on, "region": region, **measures(rows)})
        for name in sorted({category(row) for row in of_day}):
            found = measures([row for row in of_day if category(row) == name])
            del found["top_category_by_orders"]
            marts["daily_sales_by_category"].append({"order_date": on, "product_category": name, **found})
        for customer in sorted({row.customer_id for row in of_day if row.customer_id}):
            found = measures([row for row in of_day if row.customer_id == customer])
            kept = ("total_orders", "total_returns", "gross_revenue", "returned_amount", "net_revenue")
            summary = {name: found[name] for name in kept}
            marts["orders_daily_summary"].append({"order_date": on, "customer_id": customer, **summary})
    return marts


def marts_in(lake: Lake, names: Iterable[str], schema: str = "marts") -> dict[str, list[dict[str, Any]]]:
    """What the marts hold, as `expected_marts` gives it."""
    marts = {}
    for name in names:
        found = lake.con.execute(f"select * from {qualified(schema, name)} order by 1, 2")
        columns = [column[0] for column in found.description or ()]
        marts[name] = [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
    return marts
