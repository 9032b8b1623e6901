{{ config(severity="error", meta={"dimension": "consistency", "dagster": {"ref": {"name": "orders_daily_summary"}}}) }}

with

orders as (

    select
        order_date,
        customer_id,
        gross_revenue,
        returned_amount,
        net_revenue
    from {{ ref("int_orders") }}
    where {{ tidegate.in_window("order_date") }}

),

customers_and_guests as (

    select
        order_date,
        gross_revenue,
        returned_amount,
        net_revenue
    from {{ ref("orders_daily_summary") }}
    where {{ tidegate.in_window("order_date") }}

    union all

    select
        order_date,
        gross_revenue,
        returned_amount,
        net_revenue
    from orders
    where customer_id is null

),

all_orders as (

    select
        order_date,
        sum(gross_revenue) as gross_revenue,
        sum(returned_amount) as returned_amount,
        sum(net_revenue) as net_revenue
    from orders
    group by order_date

)

{{ tidegate.days_that_do_not_add_up(
    "customers_and_guests", "all_orders", ["gross_revenue", "returned_amount", "net_revenue"], "order_date"
) }}
