{#- What must hold of every staging model that chooses among delivered versions. -#}

{% test delivered_rows_are_within_reach(model, delivered, happened_at) %}
    select *
    from {{ delivered }}
    where
        {{ in_window("_delivered_on") }}
        and {{ arrived_in_time(delivered.identifier, "_delivered_on", day_of(happened_at)) }} is not true
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
        {{ day_of(happened_at) }} as event_date,
        count(*) as row_count
    from {{ delivered }}
    where
        {{ delivered_within_reach(delivered.identifier) }}
        and {{ happened_in_window(happened_at) }}
        and {{ arrived_in_time(delivered.identifier, "_delivered_on", day_of(happened_at)) }}
    group by {{ day_of(happened_at) }}

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
        {{ day_of(happened_at) }} as event_date,
        {{ key_hash(key) }} as row_key
    from {{ delivered }}
    where
        {{ delivered_within_reach(delivered.identifier) }}
        and {{ day_of(happened_at) }} in (select differing.event_date from differing)

),

repeated_keys as (

    select {{ key_hash(key) }} as row_key
    from {{ delivered }}
    where
        {{ delivered_within_reach(delivered.identifier) }}
        and {{ key_hash(key) }} in (select keys_of_differing_days.row_key from keys_of_differing_days)
    group by {{ key_hash(key) }}
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
