{{ config(partition_by="payment_date") }}

with

delivered as {{ tidegate.not_materialized() }} (

    select * from {{ source("raw", "payments") }}
    where {{ tidegate.delivered_within_reach("payments") }}

),

versions as (

    {{ tidegate.with_next_delivery("delivered", ["payment_id"]) }}

),

newest as (

    select * from versions
    where
        {{ tidegate.happened_in_window("paid_at") }}
        and {{ tidegate.is_newest_in_time("payments", "paid_at") }}

),

final as (

    select
        -- ids
        payment_id,
        order_id,

        -- dimensions
        method,

        -- amounts
        amount,

        -- times
        paid_at,
        {{ tidegate.day_of("paid_at") }} as payment_date,
        _delivered_on as delivered_on
    from newest

)

select * from final
