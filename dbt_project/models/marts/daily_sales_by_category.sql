with

lines as (

    select
        *,
        {{ line_amount() }} as amount
    from {{ ref("stg_orders") }}
    where {{ in_window("order_date") }}

),

measured as (

    select
        -- ids
        order_date,
        product_category,

        -- counts
        count(distinct case when quantity > 0 then order_id end) as total_orders,
        count(distinct case when quantity < 0 then order_id end) as total_returns,
        cast(sum(case when quantity > 0 then quantity else 0 end) as bigint) as units_sold,

        -- amounts
        cast(sum(case when quantity > 0 then amount else 0 end) as decimal(38, 4)) as gross_revenue,
        cast(sum(case when quantity < 0 then -amount else 0 end) as decimal(38, 4)) as returned_amount,
        cast(sum(amount) as decimal(38, 4)) as net_revenue,
        cast(sum(discount_amount) as decimal(38, 4)) as total_discount,

        -- customers
        count(distinct case when quantity > 0 then customer_id end) as unique_customers,
        count(distinct case when quantity > 0 and customer_id is null then order_id end) as guest_orders
    from lines
    group by order_date, product_category

),

final as (

    select
        order_date,
        product_category,
        total_orders,
        total_returns,
        units_sold,
        gross_revenue,
        returned_amount,
        net_revenue,
        {{ exact_ratio("gross_revenue", "total_orders") }} as average_order_value,
        total_discount,
        unique_customers,
        guest_orders
    from measured

)

select * from final
