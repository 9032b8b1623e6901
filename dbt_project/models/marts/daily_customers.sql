with

customers as (

    select * from {{ ref("stg_customers") }}
    where {{ tidegate.in_window("snapshot_date") }}

),

final as (

    select
        -- ids
        snapshot_date,
        customer_id,

        -- attributes
        country,

        -- times
        registered_on
    from customers

)

select * from final
