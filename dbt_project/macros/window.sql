{#- The window a run is for, as conditions. A model filters by it always: `is_incremental()` is false on the first run. -#}

{% macro in_window(column) -%}
    ({{ column }} >= {{ window_start() }} and {{ column }} < {{ window_end() }})
{%- endmacro %}

{#- Deliveries that can hold a row of the window: of its own days, and of the days on which a row may still come late. -#}
{% macro delivered_within_reach(source_name) -%}
    {%- set lateness = allowed_lateness(source_name) -%}
    (
        _delivered_on >= {{ window_start() }}
        {%- if lateness is not none %} and _delivered_on < {{ window_end() }} + {{ lateness }}{% endif %}
    )
{%- endmacro %}

{#- Whether a row was delivered on its own day, or late as allowed. Of what came otherwise, a run over other days might not see all. -#}
{% macro arrived_in_time(source_name, delivered_on, event_date) -%}
    {%- set lateness = allowed_lateness(source_name) -%}
    (
        {{ delivered_on }} >= {{ event_date }}
        {%- if lateness is not none %} and {{ delivered_on }} <= {{ event_date }} + {{ lateness }}{% endif %}
    )
{%- endmacro %}
