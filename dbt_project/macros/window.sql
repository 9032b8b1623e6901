{#- The window a run is for, as conditions. -#}

{% macro in_window(column) -%}
    ({{ column }} >= {{ window_start() }} and {{ column }} < {{ window_end() }})
{%- endmacro %}

{% macro delivered_within_reach(source_name) -%}
    {%- set lateness = allowed_lateness(source_name) -%}
    (
        _delivered_on >= {{ window_start() }}
        {%- if lateness is not none %} and _delivered_on < {{ window_end() }} + {{ lateness }}{% endif %}
    )
{%- endmacro %}

{% macro arrived_in_time(source_name, delivered_on, event_date) -%}
    {%- set lateness = allowed_lateness(source_name) -%}
    (
        {{ delivered_on }} >= {{ event_date }}
        {%- if lateness is not none %} and {{ delivered_on }} <= {{ event_date }} + {{ lateness }}{% endif %}
    )
{%- endmacro %}
