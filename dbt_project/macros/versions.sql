{#- Rows that are delivered again and again, late or corrected, and which of their versions stand. -#}

{#-
    Of each key of `delivered` the newest version among those that arrived in time for its day, on the days of the window. Of one day's
    versions, that of the first region by name stands. Versions that came later do not count, wide as the window may be: so a day looks
    the same whether it is built alone or as one of many. A row whose newest version lies on another day is not on this one.

    Keys are compared by hash first, which is cheap; only the few that share one are ranked.
-#}
{% macro newest_versions(delivered, key, happened_at) -%}
    (
        with

        repeated_keys as (

            select {{ key_hash(key) }} as repeated_key
            from {{ delivered }}
            where {{ delivered_within_reach(delivered.identifier) }}
            group by {{ key_hash(key) }}
            having count(*) > 1

        ),

        delivered_once as (

            select
                *,
                cast(null as date) as _next_delivered_on
            from {{ delivered }}
            where
                {{ delivered_within_reach(delivered.identifier) }}
                and {{ in_window(happened_at) }}
                and {{ key_hash(key) }} not in (select repeated_keys.repeated_key from repeated_keys)

        ),

        delivered_again as (

            select
                *,
                lead(_delivered_on) over (
                    partition by {{ key | join(", ") }}
                    order by _delivered_on asc, _region desc
                ) as _next_delivered_on
            from {{ delivered }}
            where
                {{ delivered_within_reach(delivered.identifier) }}
                and {{ key_hash(key) }} in (select repeated_keys.repeated_key from repeated_keys)

        ),

        versions as (

            select * from delivered_once
            union all
            select * from delivered_again

        )

        select * from versions
        where
            {{ in_window(happened_at) }}
            and {{ arrived_in_time(delivered.identifier, "_delivered_on", day_of(happened_at)) }}
            and (_next_delivered_on is null or not {{ arrived_in_time(delivered.identifier, "_next_delivered_on", day_of(happened_at)) }})
    )
{%- endmacro %}

{% macro day_of(moment) -%}
    cast({{ moment }} as date)
{%- endmacro %}

{#-
    The days of the window that staging lacks rows of, or has too many: every row delivered in time for its day is staged on it, one
    version of each key. `delivered` and `staged` are relations, `day` is the staged column that holds the day.
-#}
{% macro days_that_lost_rows(delivered, staged, day, key, happened_at) -%}
with

delivered as (

    select
        {{ day_of(happened_at) }} as event_date,
        count(*) as row_count
    from {{ delivered }}
    where
        {{ delivered_within_reach(delivered.identifier) }}
        and {{ in_window(happened_at) }}
        and {{ arrived_in_time(delivered.identifier, "_delivered_on", day_of(happened_at)) }}
    group by {{ day_of(happened_at) }}

),

staged as (

    select
        {{ day }} as event_date,
        count(*) as row_count
    from {{ staged }}
    where {{ in_window(day) }}
    group by {{ day }}

),

-- Days on which not every delivered row is staged. Mostly none, and then what follows reads nothing.
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

-- Only a row with another version may be left out, and none may be there that was not delivered.
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
{%- endmacro %}
