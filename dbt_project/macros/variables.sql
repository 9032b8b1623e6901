{#- The dbt variables of a run, as SQL. -#}

{% macro window_start() -%}
    date '{{ modules.datetime.date.fromisoformat(var("window_start") | string) }}'
{%- endmacro %}

{% macro window_end() -%}
    date '{{ modules.datetime.date.fromisoformat(var("window_end") | string) }}'
{%- endmacro %}

{% macro allowed_lateness() -%}
    {{ var("allowed_lateness_days") | int }}
{%- endmacro %}
