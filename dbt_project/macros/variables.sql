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

{% macro allowed_lateness() -%}
    {{ var("allowed_lateness_days") | int }}
{%- endmacro %}

{#- Days before a Monday that its rows are made of: `[as_of - 365, as_of)`. -#}
{% macro days_reached_back() -%}
    {{ var("rfm_window_days") | int }}
{%- endmacro %}
