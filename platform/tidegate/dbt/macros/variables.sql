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

{% macro allowed_lateness(source_name) -%}
    {%- set days = var("allowed_lateness_days") -%}
    {{ return(days.get(source_name) if days is mapping else days) }}
{%- endmacro %}

{% macro days_reached_back() -%}
    {{ var("rfm_window_days") | int }}
{%- endmacro %}

{% macro platform_timezone() -%}
    {{ return(var("timezone", env_var("TIDEGATE_TIMEZONE", "UTC"))) }}
{%- endmacro %}

{% macro offsets_of_timezone() -%}
    {{ return(var("offsets_of_timezone", none)) }}
{%- endmacro %}

{#- Tidegate compiles a model for Spark only where one is to run it. -#}
{% macro on_spark() -%}
    {{ return(var("engine", "duckdb") == "spark") }}
{%- endmacro %}
