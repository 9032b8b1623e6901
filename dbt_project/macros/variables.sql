{#- The dbt variables of a run, as SQL. -#}

{% macro window_start() -%}
    date '{{ modules.datetime.date.fromisoformat(var("window_start") | string) }}'
{%- endmacro %}

{% macro window_end() -%}
    date '{{ modules.datetime.date.fromisoformat(var("window_end") | string) }}'
{%- endmacro %}

{% macro first_day() -%}
    date '{{ modules.datetime.date.fromisoformat(var("first_day") | string) }}'
{%- endmacro %}

{#- Days after its own day that a row of the source may still be delivered, by its contract; none where there is no limit. -#}
{% macro allowed_lateness(source_name) -%}
    {%- set days = var("allowed_lateness_days") -%}
    {{ return(days.get(source_name) if days is mapping else days) }}
{%- endmacro %}

{#- Days before a Monday that its rows are made of: `[as_of - 365, as_of)`. -#}
{% macro days_reached_back() -%}
    {{ var("rfm_window_days") | int }}
{%- endmacro %}

{#- The platform's time zone, by its IANA name: given with every run, and by hand the setting. -#}
{% macro platform_timezone() -%}
    {{ return(var("timezone", env_var("TIDEGATE_TIMEZONE", "UTC"))) }}
{%- endmacro %}

{#- The least and the most seconds that the time zone is ever ahead of UTC; none where nobody says. -#}
{% macro offsets_of_timezone() -%}
    {{ return(var("offsets_of_timezone", none)) }}
{%- endmacro %}
