{#- Rows that are delivered more than once, late or corrected, and which of their versions counts. -#}

{#-
    The rows of `relation`, each with `_next_delivered_on`: the day on which the next version of its key was delivered, null for the
    newest version. Of versions delivered on one day, that of the first region by name counts as the newest.

    Few keys are delivered twice. Keys are compared by hash first, which is cheap; only those that share one are put in order.
-#}
{% macro with_next_delivery(relation, key) -%}
    with

    repeated_keys as (

        select {{ key_hash(key) }} as repeated_key
        from {{ relation }}
        group by {{ key_hash(key) }}
        having count(*) > 1

    )

    select
        *,
        cast(null as date) as _next_delivered_on
    from {{ relation }}
    where {{ key_hash(key) }} not in (select repeated_keys.repeated_key from repeated_keys)

    union all

    select
        *,
        lead(_delivered_on) over (
            partition by {{ key | join(", ") }}
            order by _delivered_on asc, _region desc
        ) as _next_delivered_on
    from {{ relation }}
    where {{ key_hash(key) }} in (select repeated_keys.repeated_key from repeated_keys)
{%- endmacro %}

{#-
    Whether a row of `with_next_delivery` is the version that counts: it arrived in time for its day, and no newer one did. Versions that
    came later do not count, however wide the window is, so a day looks the same whether it is built alone or as one of many. A row whose
    newest version lies on another day is not on this one.
-#}
{% macro is_newest_in_time(source_name, happened_at) -%}
    (
        {{ arrived_in_time(source_name, "_delivered_on", day_of(happened_at)) }}
        and (
            _next_delivered_on is null
            or not {{ arrived_in_time(source_name, "_next_delivered_on", day_of(happened_at)) }}
        )
    )
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
        and {{ happened_in_window(happened_at) }}
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
