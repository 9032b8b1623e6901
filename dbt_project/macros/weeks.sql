{#- Weekly models: a partition is a Monday, its rows are made of published days before it. -#}

{#- One row per Monday of the window, as a relation with the column `as_of_date`. A window of weeks starts on a Monday. -#}
{% macro mondays_of_window() -%}
    (
        select cast(moments.moment as date) as as_of_date
        from range({{ window_start() }}, {{ window_end() }}, interval 7 day) as moments (moment)
    )
{%- endmacro %}

{#- The first Monday after `day`, which may be a Monday itself. -#}
{% macro monday_after(day) -%}
    (cast(date_trunc('week', {{ day }}) as date) + 7)
{%- endmacro %}

{#- Whether `day` may be in the reach of any Monday of the window. -#}
{% macro in_reach_of_window(day) -%}
    ({{ day }} >= {{ window_start() }} - {{ days_reached_back() }} and {{ day }} < {{ window_end() }})
{%- endmacro %}

{#- Whether `day` is in the reach of the Monday `as_of_date`. -#}
{% macro in_reach_of(as_of_date, day) -%}
    ({{ day }} >= {{ as_of_date }} - {{ days_reached_back() }} and {{ day }} < {{ as_of_date }})
{%- endmacro %}

{#- The days that Mondays of the window may reach, as a relation with the column `reached_day`. -#}
{% macro days_reached_by_window() -%}
    (
        select cast(moments.moment as date) as reached_day
        from range({{ window_start() }} - {{ days_reached_back() }}, {{ window_end() }}, interval 1 day) as moments (moment)
    )
{%- endmacro %}

{#- Of each Monday of the window, the newest published day before it with a customer snapshot, as a relation with the columns
    `as_of_date` and `snapshot_date`. -#}
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

{#- The published days that Mondays of the window may reach, as a relation with the column `published_day`. -#}
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
