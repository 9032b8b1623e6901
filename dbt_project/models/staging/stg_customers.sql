{{ config(partition_by="snapshot_date") }}

with

delivered as {{ tidegate.not_materialized() }} (

    select * from {{ source("raw", "customers") }}
    where {{ tidegate.in_window("_delivered_on") }}

),

versions as (

    {{ tidegate.with_next_delivery("delivered", ["_delivered_on", "customer_id"]) }}

),

newest as (

    -- of a customer that two regions delivered on one day, the version of the first region by name
    select * from versions
    where _next_delivered_on is null

),

final as (

    select
        -- ids
        customer_id,

        -- attributes
        email,
        country,

        -- times
        registered_on,
        _delivered_on as snapshot_date
    from newest

)

select * from final
