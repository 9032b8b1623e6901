"""The yardstick: the whole day in one plain script, as fast as Python and DuckDB allow. Knows nothing of Tidegate.

Loading is `load`'s. Then staging, marts, the checks that dbt_project has as tests, and publishing in one transaction.

    python -m benchmarks.limit --landing FOLDER --database FILE --from DAY --to DAY
"""

from __future__ import annotations

import sys

import duckdb

from benchmarks.load import CUSTOMERS, ORDERS, arguments, connect, days_between, load

TABLES = """
create schema if not exists staging;
create schema if not exists marts;
create schema if not exists serving;
create table if not exists staging.stg_orders (
    order_id varchar, line_number integer, customer_id varchar, product_id varchar, product_category varchar, country varchar,
    region varchar, quantity integer, unit_price decimal(18, 4), discount_amount decimal(18, 4), ordered_at timestamp,
    order_date date, delivered_on date
);
create table if not exists staging.stg_customers (
    customer_id varchar, email varchar, country varchar, registered_on date, snapshot_date date
);
create table if not exists marts.orders_daily_summary (
    order_date date, customer_id varchar, total_orders bigint, total_returns bigint,
    gross_revenue decimal(38, 4), returned_amount decimal(38, 4), net_revenue decimal(38, 4)
);
create table if not exists marts.daily_sales (
    order_date date, total_orders bigint, total_returns bigint, units_sold bigint,
    gross_revenue decimal(38, 4), returned_amount decimal(38, 4), net_revenue decimal(38, 4), average_order_value decimal(38, 4),
    total_discount decimal(38, 4), unique_customers bigint, guest_orders bigint, top_category_by_orders varchar,
    paid_amount decimal(38, 4), unpaid_orders bigint
);
create table if not exists marts.daily_sales_by_region (
    order_date date, region varchar, total_orders bigint, total_returns bigint, units_sold bigint,
    gross_revenue decimal(38, 4), returned_amount decimal(38, 4), net_revenue decimal(38, 4), average_order_value decimal(38, 4),
    total_discount decimal(38, 4), unique_customers bigint, guest_orders bigint, top_category_by_orders varchar
);
create table if not exists marts.daily_sales_by_category (
    order_date date, product_category varchar, total_orders bigint, total_returns bigint, units_sold bigint,
    gross_revenue decimal(38, 4), returned_amount decimal(38, 4), net_revenue decimal(38, 4), average_order_value decimal(38, 4),
    total_discount decimal(38, 4), unique_customers bigint, guest_orders bigint
);
create table if not exists serving.orders_daily_summary as from marts.orders_daily_summary limit 0;
create table if not exists serving.daily_sales as from marts.daily_sales limit 0;
create table if not exists serving.daily_sales_by_region as from marts.daily_sales_by_region limit 0;
create table if not exists serving.daily_sales_by_category as from marts.daily_sales_by_category limit 0;
"""
MARTS = ("orders_daily_summary", "daily_sales", "daily_sales_by_region", "daily_sales_by_category")

# The days of the run; macros, so that the statements below are constants.
WINDOW = """
create or replace temp macro in_window(day) as day >= date '{first}' and day < date '{last}' + 1;
create or replace temp macro in_reach(day) as day >= date '{first}' and day < date '{last}' + 8;
create or replace temp macro in_time(delivered_on, ordered_at) as delivered_on between ordered_at::date and ordered_at::date + 7;
create or replace temp macro amount(quantity, unit_price, discount) as quantity::decimal(20, 0) * unit_price - discount;
create or replace temp macro per_order(gross, orders) as
    ((2 * (gross * 10000)::hugeint + orders) // nullif(2 * orders, 0))::decimal(34, 0) * 0.0001::decimal(4, 4);
create or replace temp table days as select day::date as order_date from range(date '{first}', date '{last}' + 1, interval 1 day) as r(day);
"""

REPEATED_LINES = (
    "select hash(order_id, line_number) from raw.orders where in_reach(_delivered_on) group by 1 having count(*) > 1"
)

LINES_DELIVERED_ONCE = "create or replace temp view newest_lines as from raw.orders where in_reach(_delivered_on)"

# Of a line's versions the newest that came in time stands; of one day's, that of the first region by name.
LINES_DELIVERED_AGAIN = f"""
create or replace temp view newest_lines as
select * from raw.orders where in_reach(_delivered_on) and hash(order_id, line_number) not in ({REPEATED_LINES})
union all by name
select * exclude (next) from (
    select *, lead(_delivered_on) over (partition by order_id, line_number order by _delivered_on, _region desc) as next
    from raw.orders where in_reach(_delivered_on) and hash(order_id, line_number) in ({REPEATED_LINES})
) where not coalesce(in_time(next, ordered_at), false)
"""

STAGE = """
delete from staging.stg_orders where in_window(order_date);
insert into staging.stg_orders by name
select
    order_id, line_number, customer_id, product_id, coalesce(product_category, 'uncategorised') as product_category, country,
    _region as region, quantity, unit_price, discount_amount, ordered_at, ordered_at::date as order_date, _delivered_on as delivered_on
from newest_lines where in_window(ordered_at) and in_time(_delivered_on, ordered_at);

delete from staging.stg_customers where in_window(snapshot_date);
insert into staging.stg_customers by name
select customer_id, email, country, registered_on, _delivered_on as snapshot_date from raw.customers where in_window(_delivered_on);
"""

ORDERS_OF_WINDOW = """
create or replace temp table orders as
select
    order_date, region, order_id, customer_id,
    count(*) filter (quantity > 0) as sale_lines,
    count(*) filter (quantity < 0) as return_lines,
    coalesce(sum(quantity) filter (quantity > 0), 0)::bigint as units_sold,
    coalesce(sum(amount) filter (quantity > 0), 0)::decimal(38, 4) as gross_revenue,
    coalesce(sum(-amount) filter (quantity < 0), 0)::decimal(38, 4) as returned_amount,
    sum(amount)::decimal(38, 4) as net_revenue,
    sum(discount_amount)::decimal(38, 4) as total_discount
from (select *, amount(quantity, unit_price, discount_amount) as amount from staging.stg_orders where in_window(order_date))
group by all;
"""

# Over the temporary table `orders`.
MEASURES = """
    count(distinct order_id) filter (sale_lines > 0) as total_orders,
    count(distinct order_id) filter (return_lines > 0) as total_returns,
    coalesce(sum(units_sold), 0)::bigint as units_sold,
    coalesce(sum(gross_revenue), 0)::decimal(38, 4) as gross_revenue,
    coalesce(sum(returned_amount), 0)::decimal(38, 4) as returned_amount,
    coalesce(sum(net_revenue), 0)::decimal(38, 4) as net_revenue,
    per_order(coalesce(sum(gross_revenue), 0), count(distinct order_id) filter (sale_lines > 0)) as average_order_value,
    coalesce(sum(total_discount), 0)::decimal(38, 4) as total_discount,
    count(distinct customer_id) filter (sale_lines > 0) as unique_customers,
    count(distinct order_id) filter (sale_lines > 0 and customer_id is null) as guest_orders
"""

BUILD_MARTS = f"""
delete from marts.orders_daily_summary where in_window(order_date);
insert into marts.orders_daily_summary by name
select
    order_date, customer_id,
    count(distinct order_id) filter (sale_lines > 0) as total_orders,
    count(distinct order_id) filter (return_lines > 0) as total_returns,
    sum(gross_revenue)::decimal(38, 4) as gross_revenue,
    sum(returned_amount)::decimal(38, 4) as returned_amount,
    sum(net_revenue)::decimal(38, 4) as net_revenue
from orders where customer_id is not null group by all;

delete from marts.daily_sales_by_category where in_window(order_date);
insert into marts.daily_sales_by_category by name
select
    order_date, product_category,
    count(distinct order_id) filter (quantity > 0) as total_orders,
    count(distinct order_id) filter (quantity < 0) as total_returns,
    coalesce(sum(quantity) filter (quantity > 0), 0)::bigint as units_sold,
    coalesce(sum(amount) filter (quantity > 0), 0)::decimal(38, 4) as gross_revenue,
    coalesce(sum(-amount) filter (quantity < 0), 0)::decimal(38, 4) as returned_amount,
    sum(amount)::decimal(38, 4) as net_revenue,
    per_order(
        coalesce(sum(amount) filter (quantity > 0), 0)::decimal(38, 4), count(distinct order_id) filter (quantity > 0)
    ) as average_order_value,
    sum(discount_amount)::decimal(38, 4) as total_discount,
    count(distinct customer_id) filter (quantity > 0) as unique_customers,
    count(distinct order_id) filter (quantity > 0 and customer_id is null) as guest_orders
from (select *, amount(quantity, unit_price, discount_amount) as amount from staging.stg_orders where in_window(order_date))
group by all;

delete from marts.daily_sales_by_region where in_window(order_date);
insert into marts.daily_sales_by_region by name
with top_categories as (
    select order_date, region, product_category as top_category_by_orders
    from staging.stg_orders where in_window(order_date) and quantity > 0
    group by order_date, region, product_category
    qualify row_number() over (partition by order_date, region order by count(distinct order_id) desc, product_category) = 1
)
select * from (select order_date, region, {MEASURES} from orders group by all)
left join top_categories using (order_date, region);

delete from marts.daily_sales where in_window(order_date);
insert into marts.daily_sales by name
with top_categories as (
    select order_date, product_category as top_category_by_orders
    from marts.daily_sales_by_category where in_window(order_date) and total_orders > 0
    qualify row_number() over (partition by order_date order by total_orders desc, product_category) = 1
), payments as (
    select paid_at::date as order_date, order_id, amount from raw.payments where in_window(paid_at)
), paid as (
    select order_date, sum(amount) as amount from payments group by all
), paid_orders as (
    select order_date, count(distinct order_id) as orders from orders join payments using (order_date, order_id)
    where sale_lines > 0 group by all
)
select
    sales.*, top_category_by_orders, coalesce(paid.amount, 0) as paid_amount,
    total_orders - coalesce(paid_orders.orders, 0) as unpaid_orders
from (select days.order_date, {MEASURES} from days left join orders using (order_date) group by all) as sales
left join top_categories using (order_date) left join paid using (order_date) left join paid_orders using (order_date);
"""

NO_MEASURE_IS_NULL = """
    total_orders + total_returns + units_sold + unique_customers + guest_orders is not null
    and gross_revenue + returned_amount + net_revenue + total_discount is not null
"""
AMOUNTS = {name: f"sum({name})" for name in ("gross_revenue", "returned_amount", "net_revenue")}
FIGURES = AMOUNTS | {name: f"sum({name})" for name in ("units_sold", "total_discount")}


def repeated(table: str, day: str, key: str) -> str:
    """The number of keys that are there more than once; hashes are counted first, which takes less."""
    return f"""
        select count(*) from (
            select 1 from {table} where in_window({day}) and hash({key}) in (
                select hash({key}) from {table} where in_window({day}) group by all having count(*) > 1
            ) group by {key} having count(*) > 1
        )
    """


def differing_days(parts: str, **sums: str) -> str:
    """The number of days on which these sums over `parts` are not the figures of `marts.daily_sales`."""
    summed = ", ".join(f"{expression} as {figure}" for figure, expression in sums.items())
    differs = " or ".join(f"days.{figure} <> coalesce(parts.{figure}, 0)" for figure in sums)
    return f"""
        select count(*) from (from marts.daily_sales where in_window(order_date)) as days
        full join (select order_date, {summed} from {parts} where in_window(order_date) group by all) as parts using (order_date)
        where days.order_date is null or {differs}
    """


# Each gives the number of rows, keys or days that are wrong. Those of one table share a scan.
CHECKS = {
    "staged lines are complete, plausible and on their day": """
        select count(*) from staging.stg_orders where in_window(order_date) and (
            order_id is null or line_number is null or product_id is null or quantity is null or unit_price is null
            or discount_amount is null or ordered_at is null or region is null
            or quantity = 0 or unit_price < 0 or discount_amount < 0
            or order_date <> ordered_at::date or not in_time(delivered_on, ordered_at)
        )
    """,
    "staged lines are unique": repeated("staging.stg_orders", "order_date", "order_id, line_number"),
    "delivered lines are within reach": """
        select count(*) from raw.orders where in_window(_delivered_on) and not in_time(_delivered_on, ordered_at)
    """,
    "no line is lost": """
        select count(*) from (
            select ordered_at::date as day, count(*) as lines from newest_lines
            where in_window(ordered_at) and in_time(_delivered_on, ordered_at) group by all
        ) as delivered
        full join (
            select order_date as day, count(*) as lines from staging.stg_orders where in_window(order_date) group by all
        ) as staged using (day)
        where staged.lines is distinct from delivered.lines
    """,
    "staged customers are complete": """
        select count(*) from staging.stg_customers where in_window(snapshot_date) and customer_id is null
    """,
    "staged customers are unique": repeated("staging.stg_customers", "snapshot_date", "snapshot_date, customer_id"),
    "orders are unique": repeated("orders", "order_date", "order_date, region, order_id, customer_id"),
    "customers of a day are unique": repeated("marts.orders_daily_summary", "order_date", "order_date, customer_id"),
    "regions of a day are unique": repeated("marts.daily_sales_by_region", "order_date", "order_date, region"),
    "categories of a day are unique": repeated(
        "marts.daily_sales_by_category", "order_date", "order_date, product_category"
    ),
    "every day is there once": """
        select count(*) from (
            select 1 from days left join marts.daily_sales as sales using (order_date)
            group by order_date having count(sales.order_date) <> 1
        )
    """,
    "customers of a day add up": """
        select count(*) from marts.orders_daily_summary where in_window(order_date) and not coalesce(
            net_revenue = gross_revenue - returned_amount and total_orders + total_returns > 0 and customer_id is not null, false
        )
    """,
    "days add up": f"""
        select count(*) from marts.daily_sales where in_window(order_date) and not coalesce(
            {NO_MEASURE_IS_NULL} and net_revenue = gross_revenue - returned_amount
            and guest_orders <= total_orders and unique_customers <= total_orders
            and (average_order_value is null) = (total_orders = 0) and (top_category_by_orders is null) = (total_orders = 0), false
        )
    """,
    "regions and categories have all figures": f"""
        select count(*) from (
            from marts.daily_sales_by_region union all by name from marts.daily_sales_by_category
        ) where in_window(order_date) and not ({NO_MEASURE_IS_NULL} and (region is not null or product_category is not null))
    """,
    "regions add up to days": differing_days("marts.daily_sales_by_region", **FIGURES),
    "categories add up to days": differing_days("marts.daily_sales_by_category", **FIGURES),
    "customers and guests add up to days": differing_days(
        "(from marts.orders_daily_summary union all by name from orders where customer_id is null)", **AMOUNTS
    ),
    "days count every staged line": differing_days(
        "staging.stg_orders",
        units_sold="sum(quantity) filter (quantity > 0)",
        returned_amount="sum(-amount(quantity, unit_price, discount_amount)) filter (quantity < 0)",
        net_revenue="sum(amount(quantity, unit_price, discount_amount))",
        total_discount="sum(discount_amount)",
    ),
}

WARNINGS = {
    "orders have one region and customer": repeated("orders", "order_date", "order_date, order_id"),
    "customers registered before their snapshot": """
        select count(*) from staging.stg_customers where in_window(snapshot_date) and registered_on > snapshot_date
    """,
    "customers of a day are known": """
        select count(*) from marts.orders_daily_summary as s
        where in_window(order_date) and order_date in (select distinct snapshot_date from staging.stg_customers where in_window(snapshot_date))
            and not exists (from staging.stg_customers as c where c.snapshot_date = s.order_date and c.customer_id = s.customer_id)
    """,
}


def build(con: duckdb.DuckDBPyConnection) -> None:
    delivered_again = con.execute(f"{REPEATED_LINES} limit 1").fetchall()
    con.execute(LINES_DELIVERED_AGAIN if delivered_again else LINES_DELIVERED_ONCE)
    for statements in (STAGE, ORDERS_OF_WINDOW, BUILD_MARTS):
        con.execute(statements)


def check(con: duckdb.DuckDBPyConnection) -> None:
    for name, query in WARNINGS.items():
        if wrong := con.execute(query).fetchall()[0][0]:
            sys.stdout.write(f"warning: {name}: not so {wrong:,} times\n")
    for name, query in CHECKS.items():
        if wrong := con.execute(query).fetchall()[0][0]:
            raise ValueError(f"nothing was published: {name}: not so {wrong:,} times")


def publish(con: duckdb.DuckDBPyConnection) -> None:
    con.begin()
    for mart in MARTS:
        con.execute(f"delete from serving.{mart} where in_window(order_date)")
        con.execute(f"insert into serving.{mart} by name from marts.{mart} where in_window(order_date)")
    con.commit()


def main() -> None:
    given = arguments(__doc__)
    days = days_between(given.first, given.last)
    with connect(given.database) as con:
        con.execute(TABLES)
        con.execute(WINDOW.format(first=days[0], last=days[-1]))
        for source in (ORDERS, CUSTOMERS):
            load(con, source, given.landing, days)
        build(con)
        check(con)
        publish(con)


if __name__ == "__main__":
    main()
