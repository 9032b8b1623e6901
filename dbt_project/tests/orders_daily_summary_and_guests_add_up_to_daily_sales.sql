{{ config(severity="error", meta={"dimension": "consistency", "dagster": {"ref": {"name": "orders_daily_summary"}}}) }}

with

customers_and_guests as (

    select
        order_date,
        gross_revenue,
        returned_amount,
        net_revenue
    from {{ ref("orders_daily_summary") }}
    where {{ in_window("order_date") }}

    union all

    select
        order_date,
        gross_revenue,
        returned_amount,
        net_revenue
    from {{ ref("int_orders") }}
    where
        {{ in_window("order_date") }}
        and customer_id is null

)

{{ days_that_do_not_add_up("customers_and_guests", ref("daily_sales"), ["gross_revenue", "returned_amount", "net_revenue"], "order_date") }}
