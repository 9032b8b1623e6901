with

orders as (

    select * from {{ ref("int_orders") }}
    where {{ in_window("order_date") }}

),

category_orders as (

    select
        order_date,
        region,
        product_category,
        count(distinct order_id) as total_orders
    from {{ ref("stg_orders") }}
    where
        {{ in_window("order_date") }}
        and quantity > 0
    group by order_date, region, product_category

),

ranked_categories as (

    select
        order_date,
        region,
        product_category,
        row_number() over (
            partition by order_date, region
            order by total_orders desc, product_category asc
        ) as place
    from category_orders

),

measured as (

    select
        -- ids
        order_date,
        region,

        -- counts
        count(distinct case when sale_lines > 0 then order_id end) as total_orders,
        count(distinct case when return_lines > 0 then order_id end) as total_returns,
        cast(sum(units_sold) as bigint) as units_sold,

        -- amounts
        cast(sum(gross_revenue) as decimal(38, 4)) as gross_revenue,
        cast(sum(returned_amount) as decimal(38, 4)) as returned_amount,
        cast(sum(net_revenue) as decimal(38, 4)) as net_revenue,
        cast(sum(total_discount) as decimal(38, 4)) as total_discount,

        -- customers
        count(distinct case when sale_lines > 0 then customer_id end) as unique_customers,
        count(distinct case when sale_lines > 0 and customer_id is null then order_id end) as guest_orders
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
        {{ exact_ratio("measured.gross_revenue", "measured.total_orders") }} as average_order_value,
        measured.total_discount,
        measured.unique_customers,
        measured.guest_orders,
        ranked_categories.product_category as top_category_by_orders
    from measured
    left join ranked_categories
        on
            measured.order_date = ranked_categories.order_date
            and measured.region = ranked_categories.region
            and ranked_categories.place = 1

)

select * from final
