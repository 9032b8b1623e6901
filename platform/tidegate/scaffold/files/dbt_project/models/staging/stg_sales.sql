{{ config(partition_by="sale_date") }}

with

delivered as {{ tidegate.not_materialized() }} (

    select * from {{ source("raw", "sales") }}
    where {{ tidegate.delivered_within_reach("sales") }}

),

versions as (

    {{ tidegate.with_next_delivery("delivered", ["sale_id"]) }}

),

newest as (

    select * from versions
    where
        {{ tidegate.happened_in_window("sold_at") }}
        and {{ tidegate.is_newest_in_time("sales", "sold_at") }}

),

final as (

    select
        -- ids
        sale_id,

        -- dimensions
        product,

        -- amounts
        quantity,
        amount,

        -- times
        {{ tidegate.day_of("sold_at") }} as sale_date
    from newest

)

select * from final
