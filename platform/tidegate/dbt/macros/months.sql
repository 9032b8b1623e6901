{#- Monthly models: a partition is a month, named by its first day, and its rows are built from the published days of the month. -#}

{% macro month_of(day) -%}
    cast(date_trunc('month', {{ day }}) as date)
{%- endmacro %}

{% macro months_after(month, months) -%}
    cast({{ month }} + interval ({{ months }}) month as date)
{%- endmacro %}

{% macro in_months_from(day, before) -%}
    ({{ day }} >= cast({{ tidegate.window_start() }} - interval ({{ before }}) month as date) and {{ day }} < {{ tidegate.window_end() }})
{%- endmacro %}
