{#- Rows that are delivered more than once, late or corrected, and which of their versions counts. -#}

{#- Few keys are delivered twice. Keys are compared by hash first, which is cheap; only those that share one are put in order. -#}
{% macro with_next_delivery(relation, key) -%}
    with

    repeated_keys as (

        select {{ tidegate.key_hash(key) }} as repeated_key
        from {{ relation }}
        group by {{ tidegate.key_hash(key) }}
        having count(*) > 1

    )

    select
        *,
        cast(null as date) as _next_delivered_on
    from {{ relation }}
    where {{ tidegate.key_hash(key) }} not in (select repeated_keys.repeated_key from repeated_keys)

    union all

    select
        *,
        lead(_delivered_on) over (
            partition by {{ key | join(", ") }}
            order by _delivered_on asc, _region desc
        ) as _next_delivered_on
    from {{ relation }}
    where {{ tidegate.key_hash(key) }} in (select repeated_keys.repeated_key from repeated_keys)
{%- endmacro %}

{#- Versions that came too late do not count, however wide the window is, so a day looks the same whether it is built alone or as one of
    many. -#}
{% macro is_newest_in_time(source_name, happened_at) -%}
    (
        {{ tidegate.arrived_in_time(source_name, "_delivered_on", tidegate.day_of(happened_at)) }}
        and (
            _next_delivered_on is null
            or not {{ tidegate.arrived_in_time(source_name, "_next_delivered_on", tidegate.day_of(happened_at)) }}
        )
    )
{%- endmacro %}

{#- Of a source whose rows are changes: of each key with a version in the window, the last change of all that have come. A key whose last
    change deletes it has no row. Changes are told apart by their order; where two have the same one, by what they say, so that whichever
    came first makes no difference. -#}
{% macro rows_after_changes(relation, key, ordered_by, deleted, happened_at) -%}
    with

    keys_in_window as (

        select distinct {{ key | join(", ") }}
        from {{ relation }}
        where {{ tidegate.happened_in_window(happened_at) }}

    ),

    changes as (

        select
            {{ relation }}.*,
            hash(*columns(* exclude (_region, _delivered_on, _file, _fingerprint))) as _said
        from {{ relation }}
        inner join keys_in_window using ({{ key | join(", ") }})

    ),

    last_changes as (

        select *
        from changes
        qualify row_number() over (partition by {{ key | join(", ") }} order by {{ ordered_by }} desc, _said desc) = 1

    )

    select * exclude (_said)
    from last_changes
    where
        not coalesce({{ deleted }}, false)
        and {{ tidegate.happened_in_window(happened_at) }}
{%- endmacro %}

{#- Of a source whose deliveries are whole tables: what the newest of each region has on the days of the window. Rows that it no longer has are
    deleted, whatever older ones say. -#}
{% macro rows_of_newest_snapshot(relation, happened_at) -%}
    select {{ relation }}.*
    from {{ relation }}
    inner join (
        select
            _region,
            max(_delivered_on) as _delivered_on
        from {{ relation }}
        group by _region
    ) as newest_snapshots using (_region, _delivered_on)
    where {{ tidegate.happened_in_window(happened_at) }}
{%- endmacro %}
