{{ config(severity="error", meta={"dimension": "traceability", "dagster": {"ref": {"name": "stg_orders"}}}) }}

{%- set line_key = key_hash(["order_id", "line_number"]) %}

with

delivered as (

    select
        cast(ordered_at as date) as order_date,
        count(*) as line_count
    from {{ source("raw", "orders") }}
    where
        {{ delivered_within_reach() }}
        and {{ in_window("ordered_at") }}
        and {{ arrived_in_time("_delivered_on", "cast(ordered_at as date)") }}
    group by cast(ordered_at as date)

),

staged as (

    select
        order_date,
        count(*) as line_count
    from {{ ref("stg_orders") }}
    where {{ in_window("order_date") }}
    group by order_date

),

-- Days on which not every delivered line is staged. Mostly none, and then what follows reads nothing.
differing as (

    select
        coalesce(delivered.order_date, staged.order_date) as order_date,
        coalesce(delivered.line_count, 0) as delivered_lines,
        coalesce(staged.line_count, 0) as staged_lines
    from delivered
    full outer join staged
        on delivered.order_date = staged.order_date
    where coalesce(delivered.line_count, 0) <> coalesce(staged.line_count, 0)

),

keys_of_differing_days as (

    select
        cast(ordered_at as date) as order_date,
        {{ line_key }} as line_key
    from {{ source("raw", "orders") }}
    where
        {{ delivered_within_reach() }}
        and cast(ordered_at as date) in (select differing.order_date from differing)

),

repeated_keys as (

    select {{ line_key }} as line_key
    from {{ source("raw", "orders") }}
    where
        {{ delivered_within_reach() }}
        and {{ line_key }} in (select keys_of_differing_days.line_key from keys_of_differing_days)
    group by {{ line_key }}
    having count(*) > 1

),

redelivered as (

    select
        order_date,
        count(*) as line_count
    from keys_of_differing_days
    where line_key in (select repeated_keys.line_key from repeated_keys)
    group by order_date

)

-- Only a line with another version may be left out, and none may be there that was not delivered.
select
    differing.order_date,
    differing.delivered_lines,
    differing.staged_lines
from differing
left join redelivered
    on differing.order_date = redelivered.order_date
where
    differing.staged_lines > differing.delivered_lines
    or differing.staged_lines < differing.delivered_lines - coalesce(redelivered.line_count, 0)
