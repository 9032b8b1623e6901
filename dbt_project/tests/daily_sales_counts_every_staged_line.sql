{{ config(severity="error", meta={"dimension": "traceability", "dagster": {"ref": {"name": "daily_sales"}}}) }}

with

staged as (

    select
        order_date,
        sum(units_sold) as units_sold,
        sum(returned_amount) as returned_amount,
        sum(net_revenue) as net_revenue,
        sum(total_discount) as total_discount
    from {{ ref("int_order_lines") }}
    group by order_date

),

payments as (

    select
        payment_date,
        sum(amount) as paid_amount
    from {{ ref("stg_payments") }}
    where {{ tidegate.in_window("payment_date") }}
    group by payment_date

),

daily_sales as (

    select * from {{ ref("daily_sales") }}
    where {{ tidegate.in_window("order_date") }}

)

select
    coalesce(daily_sales.order_date, staged.order_date) as order_date,
    coalesce(staged.net_revenue, 0) as staged_net_revenue,
    daily_sales.net_revenue
from daily_sales
full outer join staged
    on daily_sales.order_date = staged.order_date
left join payments
    on daily_sales.order_date = payments.payment_date
where
    daily_sales.order_date is null
    or daily_sales.units_sold <> coalesce(staged.units_sold, 0)
    or daily_sales.returned_amount <> coalesce(staged.returned_amount, 0)
    or daily_sales.net_revenue <> coalesce(staged.net_revenue, 0)
    or daily_sales.total_discount <> coalesce(staged.total_discount, 0)
    or daily_sales.paid_amount <> coalesce(payments.paid_amount, 0)
