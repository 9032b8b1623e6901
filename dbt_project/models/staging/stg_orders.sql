{{ config(partition_by="order_date") }}

with

versions as (

    select * from {{ newest_versions(source("raw", "orders"), ["order_id", "line_number"], "ordered_at") }} as newest

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
        cast(ordered_at as date) as order_date,
        _delivered_on as delivered_on
    from versions

)

select * from final
