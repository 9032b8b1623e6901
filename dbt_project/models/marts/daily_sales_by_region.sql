with

orders as (

    select * from {{ ref("int_orders") }}
    where {{ tidegate.in_window("order_date") }}

),

category_orders as (

    select
        order_date,
        region,
        product_category,
        count(distinct order_id) as total_orders
    from {{ ref("int_order_lines") }}
    where sale_lines > 0
    group by order_date, region, product_category

),

top_categories as (

    {{ top_category_by_orders("category_orders", ["order_date", "region"]) }}

),

measured as (

    select
        -- ids
        order_date,
        region,

        {{ sales_measures() }}
    from orders
    group by order_date, region

),

final as (

    select
        measured.order_date,
        measured.region,
        measured.total_orders,
        measured.total_returns,
        measured.units_sold,
        measured.gross_revenue,
        measured.returned_amount,
        measured.net_revenue,
        {{ tidegate.exact_ratio("measured.gross_revenue", "measured.total_orders") }} as average_order_value,
        measured.total_discount,
        measured.unique_customers,
        measured.guest_orders,
        top_categories.top_category_by_orders
    from measured
    left join top_categories
        on
            measured.order_date = top_categories.order_date
            and measured.region = top_categories.region

)

select * from final
