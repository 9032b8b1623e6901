{#- Weekly models: a partition is a Monday, and its rows are built from published days before it. -#}

{% macro mondays_of_window() -%}
    (
        select cast(moments.moment as date) as as_of_date
        from range({{ window_start() }}, {{ window_end() }}, interval 7 day) as moments (moment)
    )
{%- endmacro %}

{% macro monday_after(day) -%}
    (cast(date_trunc('week', {{ day }}) as date) + 7)
{%- endmacro %}

{% macro in_reach_of_window(day) -%}
    ({{ day }} >= {{ window_start() }} - {{ days_reached_back() }} and {{ day }} < {{ window_end() }})
{%- endmacro %}

{% macro in_reach_of(as_of_date, day) -%}
    ({{ day }} >= {{ as_of_date }} - {{ days_reached_back() }} and {{ day }} < {{ as_of_date }})
{%- endmacro %}

{% macro days_reached_by_window() -%}
    (
        select cast(moments.moment as date) as reached_day
        from range({{ window_start() }} - {{ days_reached_back() }}, {{ window_end() }}, interval 1 day) as moments (moment)
    )
{%- endmacro %}

{% macro snapshots_of_mondays() -%}
    (
        select
            mondays.as_of_date,
            max(snapshot_days.snapshot_date) as snapshot_date
        from {{ mondays_of_window() }} as mondays
        inner join
            (
                select distinct snapshot_date
                from {{ ref("stg_customers") }}
                where {{ in_reach_of_window("snapshot_date") }}
            ) as snapshot_days
            on {{ in_reach_of("mondays.as_of_date", "snapshot_days.snapshot_date") }}
        inner join {{ published_days() }} as published_days
            on snapshot_days.snapshot_date = published_days.published_day
        group by mondays.as_of_date
    )
{%- endmacro %}

{% macro published_days() -%}
    (
        select partition_day as published_day
        from {{ source("ops", "publications") }}
        where
            cadence = 'daily'
            and mart = 'orders_daily_summary'
            and superseded_by is null
            and {{ in_reach_of_window("partition_day") }}
    )
{%- endmacro %}
