{#- The window a run is for, as conditions. -#}

{% macro in_window(column) -%}
    ({{ column }} >= {{ tidegate.window_start() }} and {{ column }} < {{ tidegate.window_end() }})
{%- endmacro %}

{% macro delivered_within_reach(source_name) -%}
    {%- set lateness = tidegate.allowed_lateness(source_name) -%}
    (
        _delivered_on >= {{ tidegate.window_start() }}
        {%- if lateness is not none %} and _delivered_on < {{ tidegate.window_end() }} + {{ lateness }}{% endif %}
    )
{%- endmacro %}

{% macro arrived_in_time(source_name, delivered_on, event_date) -%}
    {%- set lateness = tidegate.allowed_lateness(source_name) -%}
    (
        {{ delivered_on }} >= {{ event_date }}
        {%- if lateness is not none %} and {{ delivered_on }} <= {{ event_date }} + {{ lateness }}{% endif %}
    )
{%- endmacro %}
