{{ config(severity="error", meta={"dimension": "consistency", "dagster": {"ref": {"name": "customer_rfm"}}}) }}

-- Sums the published customer days directly, where the model adds changes from Monday to Monday. Only the first and the last Monday are
-- compared: each Monday builds on the one before it, and every one that is compared costs a whole window of days.
with

mondays as (

    select min(as_of_date) as as_of_date
    from {{ tidegate.mondays_of_window() }} as mondays_of_window
    union
    select max(as_of_date) as as_of_date
    from {{ tidegate.mondays_of_window() }} as mondays_of_window

),

customers as (

    select
        as_of_date,
        customer_id,
        frequency,
        monetary
    from {{ ref("customer_rfm") }}
    where {{ tidegate.in_window("as_of_date") }}

),

expected as (

    select
        customers.as_of_date,
        sum(customer_days.total_orders) as frequency,
        sum(customer_days.net_revenue) as monetary
    from mondays
    inner join customers
        on mondays.as_of_date = customers.as_of_date
    inner join {{ tidegate.published("orders_daily_summary") }} as customer_days
        on
            customers.customer_id = customer_days.customer_id
            and {{ tidegate.in_reach_of("customers.as_of_date", "customer_days.order_date") }}
    where {{ tidegate.in_reach_of_window("customer_days.order_date") }}
    group by customers.as_of_date

),

counted as (

    select
        as_of_date,
        sum(frequency) as frequency,
        sum(monetary) as monetary
    from customers
    group by as_of_date

)

select
    counted.as_of_date,
    counted.frequency,
    counted.monetary
from counted
inner join mondays
    on counted.as_of_date = mondays.as_of_date
left join expected
    on counted.as_of_date = expected.as_of_date
where
    counted.frequency <> coalesce(expected.frequency, 0)
    or counted.monetary <> coalesce(expected.monetary, 0)
