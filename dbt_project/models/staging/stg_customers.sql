{{ config(partition_by="snapshot_date") }}

{%- set customer_key = key_hash(["_delivered_on", "customer_id"]) %}

with

repeated_keys as (

    -- customers that two regions delivered on one day, by hash
    select {{ customer_key }} as repeated_key
    from {{ source("raw", "customers") }}
    where {{ in_window("_delivered_on") }}
    group by {{ customer_key }}
    having count(*) > 1

),

delivered_once as (

    select
        *,
        1 as _place
    from {{ source("raw", "customers") }}
    where
        {{ in_window("_delivered_on") }}
        and {{ customer_key }} not in (select repeated_keys.repeated_key from repeated_keys)

),

delivered_again as (

    select
        *,
        row_number() over (
            partition by _delivered_on, customer_id
            order by _region
        ) as _place
    from {{ source("raw", "customers") }}
    where
        {{ in_window("_delivered_on") }}
        and {{ customer_key }} in (select repeated_keys.repeated_key from repeated_keys)

),

versions as (

    select * from delivered_once
    union all
    select * from delivered_again

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
    from versions
    where _place = 1

)

select * from final
