"""The demo shop's trade, free of dirt: its customers, and who buys what when.

Every figure is drawn by hashing (seed, purpose, day, order), so a day is the same however many days are asked
for, and a return can look up the purchase it refers to without any state. Files and dirt do not belong here.
"""

from __future__ import annotations

import datetime as dt
import math
import random
from dataclasses import dataclass
from decimal import Decimal

from tidegate.lake.sql import literal, rows_relation
from tidegate.zones import UTC, Zone

REGIONS = ("us-east", "us-west", "eu-west", "ap-south")
COLUMNS = (
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

# Orders and customers are dealt to regions by their number, 8 : 6 : 4 : 2, so that a region's share does not
# wobble in a small shop as a drawn one would, and an order always finds its customer in its own region.
_DEALT = "EWUEWEUEAEWEWUEWUEWA"
SLOTS = len(_DEALT)
_SLOT_REGIONS = [dict(zip("EWUA", REGIONS, strict=True))[letter] for letter in _DEALT]

_COUNTRIES = {
    "us-east": ["US"],
    "us-west": ["US"],
    "eu-west": ["DE", "FR", "GB", "NL", "ES", "IE"],
    "ap-south": ["IN", "SG", "AU", "LK"],
}
# Monday to Sunday, 1.0 on average: the weekend's eve is busiest.
_WEEK = (0.90, 0.90, 0.95, 1.00, 1.12, 1.18, 0.95)
# Category, number of products, price from and to. One name holds a comma, as names do.
_CATEGORIES = (
    ("Books", 30, 8, 35),
    ("Electronics", 24, 25, 600),
    ("Garden", 18, 6, 120),
    ("Home & Kitchen", 30, 5, 150),
    ("Office", 18, 2, 60),
    ("Sports", 20, 10, 220),
    ("Toys, Games", 20, 7, 80),
)
_PRODUCTS = sum(count for _, count, _, _ in _CATEGORIES)
_FIRST_NAMES = (
    "aiko amara ben carla chen dara elena emil fatima finn grace hugo ines ivan jonas kavya lea liam "
    "maria mei milan nadia noah olga omar paul priya rosa sam sofia tara theo uma viktor wei yara zoe"
)
_LAST_NAMES = (
    "adler bauer brown costa das dubois evans fischer garcia gupta haas ito jansen khan kim klein lopez "
    "martin meyer moreau murphy novak okafor patel perez rao rossi silva singh smith tan vogel walsh wong"
)
_DOMAINS = ["example.com", "example.net", "example.org"]

# Below this many orders a day there are no guests: one guest would be half of the smallest region's delivery.
_FEWEST_ORDERS_WITH_GUESTS = 30
_RETURNED_SHARE = 0.05
_RETURN_WITHIN_DAYS = 14


@dataclass(frozen=True)
class Shop:
    """A shop from its first day on; day 0 is `first_day`. Its days are of the time zone `zone`."""

    first_day: dt.date
    orders_per_day: int
    seed: int
    zone: Zone = UTC

    def day(self, number: int) -> dt.date:
        return self.first_day + dt.timedelta(days=number)

    def begins(self, number: int) -> dt.datetime:
        """When the day begins, in UTC."""
        return self.zone.at(self.day(number))

    def last_second(self, number: int) -> int:
        """The number of its last second; a day of a clock change has an hour less or more."""
        return int((self.begins(number + 1) - self.begins(number)).total_seconds()) - 1

    def orders_on(self, number: int) -> int:
        noise = random.Random(f"{self.seed}/{number}").uniform(0.95, 1.05)  # noqa: S311
        return max(1, round(self.orders_per_day * _WEEK[self.day(number).weekday()] * noise))

    def customers_on(self, number: int) -> int:
        """Customers known at the end of the day; their number grows ever more slowly: 15 % in two weeks."""
        grown = 1.5 + 0.15 * (math.sqrt(number + 16) - 4)
        return max(SLOTS, round(self.orders_per_day * grown))


def set_up(shop: Shop, days: int) -> list[str]:
    """Statements that create what the queries of this module need."""
    return [
        f"""
        create temp macro draw(purpose, day_number, item) as (
            -- hash() of several values only xors the last one in: the outer one makes purposes independent
            (
                hash(hash({literal(str(shop.seed))}, purpose::integer, day_number::integer, item::bigint))
                >> 11
            )::double / 9007199254740992::double
        )
        """,
        "create temp macro pick(options, u) as options[1 + floor(u * len(options))::integer]",
        f"create temp macro region_of(item) as {literal(_SLOT_REGIONS)}[1 + item % {SLOTS}]",
        f"create temp macro country_of(region, u) as pick({_country_lists()}, u * u)",
        f"create temp table calendar as {_calendar(shop, days)}",
        f"create temp table products as {_products(shop)}",
        """
        create temp table customers (
            customer_number bigint, customer_id varchar, registered_on date, email varchar, new_email varchar,
            new_email_from date, country varchar
        )
        """,
    ]


def _country_lists() -> str:
    cases = " ".join(f"when {literal(name)} then {literal(codes)}" for name, codes in _COUNTRIES.items())
    return f"case region {cases} end"


def _calendar(shop: Shop, days: int) -> str:
    rows = [(n, shop.orders_on(n), shop.customers_on(n) // SLOTS) for n in range(days)]
    types = {"day_number": "integer", "orders": "bigint", "customer_blocks": "bigint"}
    return rows_relation(types, rows)


def _products(shop: Shop) -> str:
    chance = random.Random(f"{shop.seed}/products")  # noqa: S311
    priced = [
        (category, Decimal(chance.randint(low, high)) - Decimal(chance.choice(("0.01", "0.05", "0.51"))))
        for category, count, low, high in _CATEGORIES
        for _ in range(count)
    ]
    # Popularity falls with the number: shuffled, so that it does not follow the category.
    chance.shuffle(priced)
    rows = [(n, f"P{n + 1:04}", category, price) for n, (category, price) in enumerate(priced)]
    types = {
        "number": "integer",
        "product_id": "varchar",
        "product_category": "varchar",
        "price": "decimal(10,2)",
    }
    return rows_relation(types, rows)


def admit_customers(shop: Shop, day_number: int) -> str:
    """The statement that adds those who registered on that day; on day 0, those of the two years before."""
    known = shop.customers_on(day_number - 1) if day_number else 0
    registered_on = literal(shop.day(day_number))
    if day_number == 0:
        registered_on += f" - 730 + (729 * customer_number // {shop.customers_on(0)})::integer"
    return f"""
        insert into customers
        with numbered as (
            select
                range as customer_number,
                ({registered_on})::date as registered_on,
                printf(
                    '%s.%s%d@',
                    pick(string_split({literal(_FIRST_NAMES)}, ' '), draw(20, 0, range)),
                    pick(string_split({literal(_LAST_NAMES)}, ' '), draw(21, 0, range)),
                    range + 1
                ) as mailbox
            from range({known}, {shop.customers_on(day_number)})
        )
        select
            customer_number,
            printf('C%06d', customer_number + 1),
            registered_on,
            mailbox || pick({literal(_DOMAINS)}, draw(22, 0, customer_number)),
            mailbox || 'mail.' || pick({literal(_DOMAINS)}, draw(23, 0, customer_number)),
            case
                when draw(24, 0, customer_number) < 0.5
                    then registered_on + 30 + floor(400 * draw(25, 0, customer_number))::integer
            end,
            country_of(region_of(customer_number), draw(26, 0, customer_number))
        from numbered
        order by customer_number
    """


def customer_snapshot(day: dt.date, within: str = "true") -> str:
    """All customers admitted so far, as known at the end of `day`; every other one changes address once.

    `within` is a condition on `customer_number` that leaves some out.
    """
    return f"""
        select
            customer_id,
            registered_on,
            case when new_email_from <= {literal(day)} then new_email else email end as email,
            country
        from customers
        where {within}
        order by customer_number
    """


def order_lines(shop: Shop, day_number: int, first: int, end: int, *, returns: bool) -> str:
    """The lines of the orders numbered `[first, end)` of a day: `region`, `position` in the file, and
    `COLUMNS`.

    A day's own orders are numbered from 0; beyond its last number are orders that it could have had as well.
    """
    day = shop.day(day_number)
    return f"""
        with {_orders(shop, day_number, first, end, returns=returns)},
        {_lines()}
        select
            region,
            {day_number}::bigint * 10000000000 + own_item * 8 + line_number as position,
            printf('%s-{day:%Y%m%d}-%06d', if(is_return, 'R', 'S'), own_item + 1) as order_id,
            line_number,
            if(is_guest, null, printf('C%06d', customer_number + 1)) as customer_id,
            product_id,
            product_category,
            if(
                is_return,
                -1 - floor(bought_quantity * draw(14, {day_number}, own_item))::integer,
                bought_quantity
            ) as quantity,
            price as unit_price,
            round(bought_quantity * price * percent_off / 100, 2)::decimal(10, 2) as discount_amount,
            -- orders follow each other through the day, further apart around midnight
            {literal(shop.begins(day_number))} + to_seconds(
                floor(
                    {shop.last_second(day_number)}
                    * (day_share + day_share * (1 - day_share) * (1 - 2 * day_share))
                )::bigint
            ) as ordered_at,
            country_of(
                region, if(is_guest, draw(15, day_number, item), draw(26, 0, customer_number))
            ) as country
        from filled
        -- returned are first lines bought at full price: quantity times price was paid, and is paid back
        where not is_return or (line_number = 1 and percent_off = 0)
    """


def _orders(shop: Shop, day_number: int, first: int, end: int, *, returns: bool) -> str:
    """CTEs down to `bought`: one row per order, with what it is about: itself, or the order it returns."""
    is_return = _is_return(str(day_number), "range") if returns else "false"
    orders = shop.orders_on(day_number)
    reach = min(day_number, _RETURN_WITHIN_DAYS)
    return f"""
        own as (
            select
                range as own_item,
                {is_return} as is_return,
                (range % {orders} + draw(9, {day_number}, range)) / {orders} as day_share
            from range({first}, {end})
        ),
        dated as (
            select
                *,
                {day_number} - case
                    when is_return
                        then 1 + floor({reach} * draw(7, {day_number}, own_item))
                    else 0
                end::integer as day_number
            from own
        ),
        placed as (
            select
                dated.*,
                orders,
                customer_blocks,
                case
                    when is_return
                        then {SLOTS} * floor(draw(8, {day_number}, own_item) * (orders // {SLOTS}))::bigint
                            + own_item % {SLOTS}
                    else own_item
                end as item
            from dated inner join calendar using (day_number)
        ),
        bought as (
            select
                *,
                region_of(item) as region,
                orders >= {_FEWEST_ORDERS_WITH_GUESTS}
                    and (item // {SLOTS} + 3 * (item % {SLOTS}) + day_number) % 9 = 0 as is_guest,
                {SLOTS} * {_customer_block()} + item % {SLOTS} as customer_number,
                draw(3, day_number, item) as size
            from placed
            where
                not is_return
                -- the earlier order has to exist, and to be no return itself
                or (item < orders and not {_is_return("day_number", "item")})
        )
    """


def _lines() -> str:
    """CTEs down to `filled`: one row per order line, with what was bought."""
    return f"""
        lines as (
            select
                *,
                unnest(range(1, {_lines_in_order()} + 1))::integer as line_number
            from bought
        ),
        filled as (
            select
                lines.*,
                product_id,
                product_category,
                price,
                {_bought_quantity()} as bought_quantity,
                case
                    when {_draw_for_line(12)} < 0.15 then 5 + 5 * floor(4 * {_draw_for_line(13)})::integer
                    else 0
                end as percent_off
            from lines
            inner join products
                on number = floor({_PRODUCTS} * {_draw_for_line(10)} * {_draw_for_line(10)})::integer
        )
    """


def _is_return(day_number: str, item: str) -> str:
    return f"({day_number} > 0 and draw(6, {day_number}, {item}) < {_RETURNED_SHARE})"


def _customer_block() -> str:
    """Every seventh buyer is among the newest; of the rest, the longer they are known the more they buy."""
    return """case
        when draw(1, day_number, item) < 0.15
            then customer_blocks - 1 - floor(0.15 * customer_blocks * draw(2, day_number, item))::bigint
        else floor(customer_blocks * draw(2, day_number, item) * draw(2, day_number, item))::bigint
    end"""


def _lines_in_order() -> str:
    """One to four lines, two on average. A guest takes at most two: guests stay a small part of any file."""
    return """case
        when size < 0.36 then 1 when size < 0.64 or is_guest then 2 when size < 0.86 then 3 else 4
    end"""


def _bought_quantity() -> str:
    u = _draw_for_line(11)
    return f"""case
        when {u} < 0.7 then 1 when {u} < 0.88 then 2 when {u} < 0.96 then 3
        else floor(100 * {u})::integer - 92
    end"""


def _draw_for_line(purpose: int) -> str:
    return f"draw({purpose}, day_number, item * 8 + line_number)"
