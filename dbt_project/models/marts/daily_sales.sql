with

days as (

    select calendar.date_day as order_date from {{ tidegate.days_of_window() }} as calendar

),

orders as (

    select * from {{ ref("int_orders") }}
    where {{ tidegate.in_window("order_date") }}

),

payments as (

    select
        payment_date,
        sum(amount) as paid_amount
    from {{ ref("stg_payments") }}
    where {{ tidegate.in_window("payment_date") }}
    group by payment_date

),

category_orders as (

    select
        order_date,
        product_category,
        total_orders
    from {{ ref("daily_sales_by_category") }}
    where
        {{ tidegate.in_window("order_date") }}
        and total_orders > 0

),

top_categories as (

    {{ top_category_by_orders("category_orders", ["order_date"]) }}

),

measured as (

    select
        -- ids
        order_date,

        {{ sales_measures() }},

        -- payments
        count(distinct case when sale_lines > 0 and is_paid then order_id end) as paid_orders
    from orders
    group by order_date

),

final as (

    select
        days.order_date,
        coalesce(measured.total_orders, 0) as total_orders,
        coalesce(measured.total_returns, 0) as total_returns,
        coalesce(measured.units_sold, 0) as units_sold,
        cast(coalesce(measured.gross_revenue, 0) as decimal(38, 4)) as gross_revenue,
        cast(coalesce(measured.returned_amount, 0) as decimal(38, 4)) as returned_amount,
        cast(coalesce(measured.net_revenue, 0) as decimal(38, 4)) as net_revenue,
        {{ tidegate.exact_ratio("measured.gross_revenue", "measured.total_orders") }} as average_order_value,
        cast(coalesce(measured.total_discount, 0) as decimal(38, 4)) as total_discount,
        coalesce(measured.unique_customers, 0) as unique_customers,
        coalesce(measured.guest_orders, 0) as guest_orders,
        top_categories.top_category_by_orders,
        cast(coalesce(payments.paid_amount, 0) as decimal(38, 4)) as paid_amount,
        coalesce(measured.total_orders - measured.paid_orders, 0) as unpaid_orders
    from days
    left join measured
        on days.order_date = measured.order_date
    left join payments
        on days.order_date = payments.payment_date
    left join top_categories
        on days.order_date = top_categories.order_date

)

select * from final
