"""What the demo shop is paid: most sales at once, some days later, some never; and what returns are paid back.

Payments follow the sound order lines of `trade`, whatever dirt the orders' files get. Files belong to `shop`, the
database to `database`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from tidegate.demo.dirt import FEWEST_LINES_WITH_DIRT, DirtKind, lines_to_spoil
from tidegate.demo.trade import Shop
from tidegate.lake.sql import literal, quoted

SERVER = "shop"
COLUMNS = ("payment_id", "order_id", "amount", "method", "paid_at")

# By the day of the week's programme. Late payments come with the late orders: days are restated once for both.
DIRT_EVERY_WEEK: Mapping[int, DirtKind] = {
    1: DirtKind.MISSING_VALUES,
    3: DirtKind.DUPLICATE_KEY,
    4: DirtKind.LATE_ROWS,
}

_PAID_AT_ONCE = 0.88
_PAID_LATER = 0.08
WITHIN_DAYS = 3

_TABLE = quoted("payments of the day")


@dataclass(frozen=True)
class Payments:
    """A day's payments: how many rows a file of them has, and how many of those got the dirt `kind`."""

    count: int
    kind: DirtKind | None
    spoiled: int


def create_payments(con: duckdb.DuckDBPyConnection, shop: Shop, number: int, lines: str, *, dirt: bool) -> Payments:
    """Make the day's payments, for the queries below. `lines` is the relation of the day's sound order lines; the
    days before must have been made before."""
    con.execute(f"create or replace temp table {_orders(number)} as {_orders_of(number, lines)}")
    con.execute(f"drop table if exists {_orders(number - WITHIN_DAYS - 1)}")
    con.execute(f"create or replace temp table {_TABLE} as {_payments_of(shop, number)}")
    count = _count(con)
    kind = DIRT_EVERY_WEEK.get(number % 7) if dirt and count >= FEWEST_LINES_WITH_DIRT else None
    if kind is None:
        return Payments(count, None, 0)
    spoiled = _spoil(con, shop, number, kind, count)
    return Payments(_count(con), kind, spoiled)


def rows_of_file() -> str:
    """The query for the day's payments as their file has them."""
    return f"select {', '.join(COLUMNS)} from {_TABLE} order by position, version"


def rows_of_database() -> str:
    """The query for the day's payments as a table with a primary key has them."""
    return f"select {', '.join(COLUMNS)} from {_TABLE} where version = 1"


def _orders(number: int) -> str:
    return quoted(f"orders of day {number}")


def _orders_of(number: int, lines: str) -> str:
    """The day's orders: what each comes to, and after how many days it is paid (null: never)."""
    return f"""
        with orders as (
            select
                order_id,
                (min(position) % 10000000000) // 8 as item,
                sum(quantity * unit_price - discount_amount)::decimal(18, 4) as amount,
                min(ordered_at) as ordered_at,
                bool_and(quantity < 0) as is_return,
                bool_or(customer_id is null) as is_guest
            from {lines}
            group by order_id
        )
        select
            *,
            case
                when is_return then floor({WITHIN_DAYS} * draw(51, {number}, item))::integer
                when is_guest or draw(50, {number}, item) < {_PAID_AT_ONCE} then 0
                when draw(50, {number}, item) < {_PAID_AT_ONCE + _PAID_LATER}
                    then 1 + floor({WITHIN_DAYS} * draw(51, {number}, item))::integer
            end as days_until_paid
        from orders
    """


def _payments_of(shop: Shop, number: int) -> str:
    days = range(max(0, number - WITHIN_DAYS), number + 1)
    each = " union all ".join(
        f"({_payments_for(shop, of_day, number)} where days_until_paid = {number - of_day})" for of_day in days
    )
    return f"""
        select *, row_number() over (order by paid_at, payment_id) as position, 1 as version from ({each})
    """


def _payments_for(shop: Shop, of_day: int, number: int) -> str:
    """Payments on the day `number` for orders of the day `of_day`: within minutes, or in a later day's office hours."""
    if of_day == number:
        end_of_day = f"{literal(shop.begins(number))} + to_seconds({shop.last_second(number)})"
        paid_at = f"least(ordered_at + to_seconds(20 + floor(900 * draw(52, {of_day}, item))::bigint), {end_of_day})"
        methods = "['card', 'card', 'wallet']"
    else:
        office_hours = f"to_seconds(floor(28800 + 36000 * draw(52, {of_day}, item))::bigint)"
        paid_at = f"{literal(shop.begins(number))} + {office_hours}"
        methods = "if(is_return, ['card', 'wallet'], ['bank transfer', 'invoice'])"
    return f"""
        select
            'P' || order_id as payment_id,
            order_id,
            amount,
            pick({methods}, draw(53, {of_day}, item)) as method,
            {paid_at} as paid_at
        from {_orders(of_day)}
    """


def _spoil(con: duckdb.DuckDBPyConnection, shop: Shop, number: int, kind: DirtKind, count: int) -> int:
    """Work the dirt into the day's payments; returns how many got it."""
    some = lines_to_spoil(kind, count)
    chosen = f"(select position from {_TABLE} order by draw(55, {number}, position) limit {some})"
    match kind:
        case DirtKind.MISSING_VALUES:
            con.execute(f"update {_TABLE} set amount = null where position in {chosen}")
        case DirtKind.DUPLICATE_KEY:
            con.execute(
                f"insert into {_TABLE} select * replace (0 as version) from {_TABLE} where position in {chosen}"
            )
        case DirtKind.LATE_ROWS:
            return _add_late(con, shop, number, count)
    return some


def _add_late(con: duckdb.DuckDBPyConnection, shop: Shop, number: int, count: int) -> int:
    """Payments of days before that their own deliveries did not hold, for orders that were unpaid until now."""
    each_day = max(1, count // 150)
    for of_day in range(max(0, number - WITHIN_DAYS), number):
        con.execute(f"""
            insert into {_TABLE}
            select *, {count} + 10000000000 * {of_day} + row_number() over (order by payment_id), 1
            from (
                {_payments_for(shop, of_day, of_day)} where days_until_paid is null
                order by draw(54, {of_day}, item)
                limit {each_day}
            )
        """)
    return _count(con) - count


def _count(con: duckdb.DuckDBPyConnection) -> int:
    (found,) = con.execute(f"select count(*) from {_TABLE}").fetchall()[0]
    return int(found)
