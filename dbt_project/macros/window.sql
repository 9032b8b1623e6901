{#- The window a run is for, as conditions. A model filters by it always: `is_incremental()` is false on the first run. -#}

{% macro in_window(column) -%}
    ({{ column }} >= {{ window_start() }} and {{ column }} < {{ window_end() }})
{%- endmacro %}

{#- Deliveries that can hold a row of the window: of its own days, and of the days on which a row may still come late. -#}
{% macro delivered_within_reach(column="_delivered_on") -%}
    ({{ column }} >= {{ window_start() }} and {{ column }} < {{ window_end() }} + {{ allowed_lateness() }})
{%- endmacro %}

{#- Whether a row was delivered on its own day, or late as allowed. Of what came otherwise, a run over other days might not see all. -#}
{% macro arrived_in_time(delivered_on, event_date) -%}
    ({{ delivered_on }} >= {{ event_date }} and {{ delivered_on }} <= {{ event_date }} + {{ allowed_lateness() }})
{%- endmacro %}
