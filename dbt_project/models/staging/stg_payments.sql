{{ config(partition_by="payment_date") }}

with

delivered as {{ not_materialized() }} (

    select * from {{ source("raw", "payments") }}
    where {{ delivered_within_reach("payments") }}

),

versions as (

    {{ with_next_delivery("delivered", ["payment_id"]) }}

),

newest as (

    select * from versions
    where
        {{ happened_in_window("paid_at") }}
        and {{ is_newest_in_time("payments", "paid_at") }}

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
        {{ day_of("paid_at") }} as payment_date,
        _delivered_on as delivered_on
    from newest

)

select * from final
