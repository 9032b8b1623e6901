{{ config(severity="warn", meta={"dimension": "consistency", "dagster": {"ref": {"name": "orders_daily_summary"}}}) }}

with

snapshot_days as (

    select distinct snapshot_date from {{ ref("stg_customers") }}
    where {{ tidegate.in_window("snapshot_date") }}

),

customers as (

    select
        snapshot_date,
        customer_id
    from {{ ref("stg_customers") }}
    where {{ tidegate.in_window("snapshot_date") }}

)

-- A day without a snapshot is left out: the checks of customers report it.
select
    orders_daily_summary.order_date,
    orders_daily_summary.customer_id
from {{ ref("orders_daily_summary") }} as orders_daily_summary
inner join snapshot_days
    on orders_daily_summary.order_date = snapshot_days.snapshot_date
left join customers
    on
        orders_daily_summary.order_date = customers.snapshot_date
        and orders_daily_summary.customer_id = customers.customer_id
where
    {{ tidegate.in_window("orders_daily_summary.order_date") }}
    and customers.customer_id is null
