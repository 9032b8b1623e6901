{{ config(partition_by="order_date") }}

with

delivered as {{ tidegate.not_materialized() }} (

    select * from {{ source("raw", "orders") }}
    where {{ tidegate.delivered_within_reach("orders") }}

),

versions as (

    {{ tidegate.with_next_delivery("delivered", ["order_id", "line_number"]) }}

),

newest as (

    select * from versions
    where
        {{ tidegate.happened_in_window("ordered_at") }}
        and {{ tidegate.is_newest_in_time("orders", "ordered_at") }}

),

final as (

    select
        -- ids
        order_id,
        line_number,
        customer_id,
        product_id,

        -- dimensions
        coalesce(product_category, 'uncategorised') as product_category,
        country,
        _region as region,

        -- amounts
        quantity,
        unit_price,
        coalesce(discount_amount, 0) as discount_amount,

        -- times
        ordered_at,
        {{ tidegate.day_of("ordered_at") }} as order_date,
        _delivered_on as delivered_on
    from newest

)

select * from final
