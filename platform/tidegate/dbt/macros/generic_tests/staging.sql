{#- What must hold of every staging model that chooses among delivered versions. -#}

{% test delivered_rows_are_within_reach(model, delivered, happened_at) %}
    select *
    from {{ delivered }}
    where
        {{ tidegate.in_window("_delivered_on") }}
        and {{ tidegate.arrived_in_time(delivered.identifier, "_delivered_on", tidegate.day_of(happened_at)) }} is not true
{% endtest %}

{% test no_row_is_lost(model, delivered, key, happened_at, day) %}
with

staged as (

    select
        {{ day }} as event_date,
        count(*) as row_count
    from {{ model }}
    group by {{ day }}

),

delivered as (

    select
        {{ tidegate.day_of(happened_at) }} as event_date,
        count(*) as row_count
    from {{ delivered }}
    where
        {{ tidegate.delivered_within_reach(delivered.identifier) }}
        and {{ tidegate.happened_in_window(happened_at) }}
        and {{ tidegate.arrived_in_time(delivered.identifier, "_delivered_on", tidegate.day_of(happened_at)) }}
    group by {{ tidegate.day_of(happened_at) }}

),

-- Days on which not every delivered row is staged. Usually there are none, and then what follows reads nothing.
differing as (

    select
        coalesce(delivered.event_date, staged.event_date) as event_date,
        coalesce(delivered.row_count, 0) as delivered_rows,
        coalesce(staged.row_count, 0) as staged_rows
    from delivered
    full outer join staged
        on delivered.event_date = staged.event_date
    where coalesce(delivered.row_count, 0) <> coalesce(staged.row_count, 0)

),

keys_of_differing_days as (

    select
        {{ tidegate.day_of(happened_at) }} as event_date,
        {{ tidegate.key_hash(key) }} as row_key
    from {{ delivered }}
    where
        {{ tidegate.delivered_within_reach(delivered.identifier) }}
        and {{ tidegate.day_of(happened_at) }} in (select differing.event_date from differing)

),

repeated_keys as (

    select {{ tidegate.key_hash(key) }} as row_key
    from {{ delivered }}
    where
        {{ tidegate.delivered_within_reach(delivered.identifier) }}
        and {{ tidegate.key_hash(key) }} in (select keys_of_differing_days.row_key from keys_of_differing_days)
    group by {{ tidegate.key_hash(key) }}
    having count(*) > 1

),

redelivered as (

    select
        event_date,
        count(*) as row_count
    from keys_of_differing_days
    where row_key in (select repeated_keys.row_key from repeated_keys)
    group by event_date

)

-- Only a row that has another version may be missing, and every staged row must have been delivered.
select
    differing.event_date,
    differing.delivered_rows,
    differing.staged_rows
from differing
left join redelivered
    on differing.event_date = redelivered.event_date
where
    differing.staged_rows > differing.delivered_rows
    or differing.staged_rows < differing.delivered_rows - coalesce(redelivered.row_count, 0)
{% endtest %}
