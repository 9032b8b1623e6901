{{ config(partition_by="order_date") }}

{%- set line_key = key_hash(["order_id", "line_number"]) %}

with

repeated_keys as (

    -- by hash, which is cheap; the few lines that share one are compared by key below
    select {{ line_key }} as repeated_key
    from {{ source("raw", "orders") }}
    where {{ delivered_within_reach() }}
    group by {{ line_key }}
    having count(*) > 1

),

delivered_once as (

    select
        *,
        cast(null as date) as _next_delivered_on
    from {{ source("raw", "orders") }}
    where
        {{ delivered_within_reach() }}
        and {{ in_window("ordered_at") }}
        and {{ line_key }} not in (select repeated_keys.repeated_key from repeated_keys)

),

delivered_again as (

    -- of one day's versions, that of the first region by name comes last and stands
    select
        *,
        lead(_delivered_on) over (
            partition by order_id, line_number
            order by _delivered_on asc, _region desc
        ) as _next_delivered_on
    from {{ source("raw", "orders") }}
    where
        {{ delivered_within_reach() }}
        and {{ line_key }} in (select repeated_keys.repeated_key from repeated_keys)

),

versions as (

    select * from delivered_once
    union all
    select * from delivered_again

),

renamed as (

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
        discount_amount,

        -- times
        ordered_at,
        cast(ordered_at as date) as order_date,
        _delivered_on as delivered_on,
        _next_delivered_on as next_delivered_on
    from versions
    where {{ in_window("ordered_at") }}

),

-- The newest version stands, among those that arrived in time for the line's day. Later ones do not count, wide as the window may be:
-- so a day looks the same whether it is built alone or as one of many.
final as (

    select
        order_id,
        line_number,
        customer_id,
        product_id,
        product_category,
        country,
        region,
        quantity,
        unit_price,
        discount_amount,
        ordered_at,
        order_date,
        delivered_on
    from renamed
    where
        {{ arrived_in_time("delivered_on", "order_date") }}
        and (next_delivered_on is null or not {{ arrived_in_time("next_delivered_on", "order_date") }})

)

select * from final
