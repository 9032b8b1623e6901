"""Which rows the calendar of consumers has: what of a product is required, when it is promised, and why it is held.

The view itself, `serving.calendar`, is `ledger.calendar`'s. What closes a gate is decided in `gate`, what a product
promises in `promises`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from duckdb import DuckDBPyConnection

from tidegate.lake.connect import Lake
from tidegate.ledger.calendar import (
    CalendarRow,
    ProductRow,
    enter_holds,
    enter_product,
    forget_products,
    known_holds,
    known_products,
)
from tidegate.ledger.entries import utc_now
from tidegate.publishing.gate import Gates, read_gates
from tidegate.publishing.promises import deadline_of, is_waited_for
from tidegate.publishing.requirements import GateRequirements
from tidegate.window import Window

# By product, why each of its held partitions is, in sentences.
HeldOf = Sequence[tuple[GateRequirements, Mapping[dt.date, Sequence[str]]]]


def keep_calendar(con: DuckDBPyConnection, product: GateRequirements) -> None:
    """Have the calendar say what the product has now. Call it inside the transaction that publishes."""
    row = _row(product)
    if known_products(con).get((row.product, row.cadence)) != row:
        enter_product(con, row, list(_partitions(product)))


def keep_holds(con: DuckDBPyConnection, product: GateRequirements, days: Iterable[dt.date], gates: Gates) -> None:
    """Have the calendar say which of these partitions are held, and why."""
    enter_holds(con, product.product, product.cadence, days, _said(gates.held))


def enter_held(lake: Lake, product: GateRequirements, window: Window) -> None:
    """Look which partitions of the window are held, and enter it: for a run that does not get as far as publishing."""
    with lake.one_moment() as con:
        gates = read_gates(con, window, product)

    def work(con: DuckDBPyConnection) -> None:
        keep_calendar(con, product)
        keep_holds(con, product, window.days, gates)

    lake.unit_of_work(work)


def bring_up_to_date(lake: Lake, products: Sequence[GateRequirements], held: HeldOf) -> bool:
    """Have the calendar say all of this, whoever was killed before entering it; whether anything was to be entered.

    `held` has all held partitions of each product but those that are being worked on.
    """
    with lake.one_moment() as con:
        known, holds = known_products(con), known_holds(con)
    rows = {(row.product, row.cadence): row for row in map(_row, products)}
    new = [product for product in products if known.get(_key(product)) != rows[_key(product)]]
    gone = known.keys() - rows.keys()
    other = [(product, of) for product, of in held if holds.get(_key(product), {}) != _said(of)]
    if not (new or gone or other):
        return False

    def work(con: DuckDBPyConnection) -> None:
        forget_products(con, sorted(gone))
        for product in new:
            enter_product(con, rows[_key(product)], list(_partitions(product)))
        for product, of_product in other:
            days = {*of_product, *holds.get(_key(product), {})}
            enter_holds(con, product.product, product.cadence, days, _said(of_product))

    lake.unit_of_work(work)
    return True


def _key(product: GateRequirements) -> tuple[str, str]:
    return product.product, product.cadence


def _said(held: Mapping[dt.date, Sequence[str]]) -> dict[dt.date, str]:
    return {day: " ".join(reasons) for day, reasons in held.items()}


def _row(product: GateRequirements) -> ProductRow:
    """Its terms say all that its partitions' rows are made of."""
    days = {
        "/".join(place): (
            *(str(of.first_day), sorted(of.weekdays), sorted(map(str, of.except_dates))),
            *(["month ends"] if of.only_month_ends else []),
        )
        for place, of in product.delivery_days.items()
    }
    terms = [
        sorted(map("/".join, product.deliveries)),
        days,
        str(product.starts),
        str(_end(product)),
        str(product.promise.deadline),
        product.zone.name,
    ]
    text = json.dumps(terms, sort_keys=True)
    return ProductRow(
        product.product, product.cadence, tuple(sorted(product.names)), hashlib.sha256(text.encode()).hexdigest()[:16]
    )


def _end(product: GateRequirements) -> dt.date:
    """More than a year ahead: a platform that stands still for months is late with every day of them."""
    return product.cadence.partition_of(dt.date(utc_now().year + 2, 1, 1))


def _partitions(product: GateRequirements) -> Iterator[CalendarRow]:
    """None where nobody has said which is the first."""
    if product.starts == dt.date.min:
        return
    for partition in Window(product.starts, max(product.starts, _end(product)), product.cadence).days:
        deadline = deadline_of(product, partition, product.zone)
        yield CalendarRow(
            partition,
            is_required=is_waited_for(product, partition),
            begins_at=product.zone.at(product.cadence.days_about(partition).start).replace(tzinfo=None),
            deadline=deadline.replace(tzinfo=None) if deadline else None,
        )
