with

days as (

    select calendar.date_day as order_date from {{ days_of_window() }} as calendar

),

orders as (

    select * from {{ ref("int_orders") }}
    where {{ in_window("order_date") }}

),

payments as (

    select
        payment_date,
        sum(amount) as paid_amount
    from {{ ref("stg_payments") }}
    where {{ in_window("payment_date") }}
    group by payment_date

),

ranked_categories as (

    select
        order_date,
        product_category,
        row_number() over (
            partition by order_date
            order by total_orders desc, product_category asc
        ) as place
    from {{ ref("daily_sales_by_category") }}
    where
        {{ in_window("order_date") }}
        and total_orders > 0

),

measured as (

    select
        -- ids
        order_date,

        -- counts
        count(distinct case when sale_lines > 0 then order_id end) as total_orders,
        count(distinct case when return_lines > 0 then order_id end) as total_returns,
        count(distinct case when sale_lines > 0 and is_paid then order_id end) as paid_orders,
        sum(units_sold) as units_sold,

        -- amounts
        sum(gross_revenue) as gross_revenue,
        sum(returned_amount) as returned_amount,
        sum(net_revenue) as net_revenue,
        sum(total_discount) as total_discount,

        -- customers
        count(distinct case when sale_lines > 0 then customer_id end) as unique_customers,
        count(distinct case when sale_lines > 0 and customer_id is null then order_id end) as guest_orders
    from orders
    group by order_date

),

final as (

    select
        days.order_date,
        coalesce(measured.total_orders, 0) as total_orders,
        coalesce(measured.total_returns, 0) as total_returns,
        cast(coalesce(measured.units_sold, 0) as bigint) as units_sold,
        cast(coalesce(measured.gross_revenue, 0) as decimal(38, 4)) as gross_revenue,
        cast(coalesce(measured.returned_amount, 0) as decimal(38, 4)) as returned_amount,
        cast(coalesce(measured.net_revenue, 0) as decimal(38, 4)) as net_revenue,
        {{ exact_ratio("measured.gross_revenue", "measured.total_orders") }} as average_order_value,
        cast(coalesce(measured.total_discount, 0) as decimal(38, 4)) as total_discount,
        coalesce(measured.unique_customers, 0) as unique_customers,
        coalesce(measured.guest_orders, 0) as guest_orders,
        ranked_categories.product_category as top_category_by_orders,
        cast(coalesce(payments.paid_amount, 0) as decimal(38, 4)) as paid_amount,
        coalesce(measured.total_orders - measured.paid_orders, 0) as unpaid_orders
    from days
    left join measured
        on days.order_date = measured.order_date
    left join payments
        on days.order_date = payments.payment_date
    left join ranked_categories
        on
            days.order_date = ranked_categories.order_date
            and ranked_categories.place = 1

)

select * from final
