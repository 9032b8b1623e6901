{{ config(partition_by="payment_date") }}

with

versions as (

    select * from {{ newest_versions(source("raw", "payments"), ["payment_id"], "paid_at") }} as newest

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
        cast(paid_at as date) as payment_date,
        _delivered_on as delivered_on
    from versions

)

select * from final
