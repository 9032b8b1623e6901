{#- Monthly models: a partition is a month, named by its first day, and its rows are built from the published days of the month. -#}

{% macro month_of(day) -%}
    cast(date_trunc('month', {{ day }}) as date)
{%- endmacro %}

{% macro months_after(month, months) -%}
    {%- if tidegate.on_spark() -%}
    add_months({{ month }}, {{ months }})
    {%- else -%}
    cast({{ month }} + interval ({{ months }}) month as date)
    {%- endif -%}
{%- endmacro %}

{% macro in_months_from(day, before) -%}
    (
        {%- if tidegate.on_spark() %}
        {{ day }} >= add_months({{ tidegate.window_start() }}, -{{ before }})
        {%- else %}
        {{ day }} >= cast({{ tidegate.window_start() }} - interval ({{ before }}) month as date)
        {%- endif %}
        and {{ day }} < {{ tidegate.window_end() }}
    )
{%- endmacro %}
