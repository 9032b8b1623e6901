with

lines as (

    select * from {{ ref("int_order_lines") }}

),

measured as (

    select
        -- ids
        order_date,
        product_category,

        {{ sales_measures() }}
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
        {{ tidegate.exact_ratio("gross_revenue", "total_orders") }} as average_order_value,
        total_discount,
        unique_customers,
        guest_orders
    from measured

)

select * from final
