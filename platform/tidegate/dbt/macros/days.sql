{#- Which day a moment is on. Moments are naive timestamps in UTC; days are of the platform's time zone. -#}

{#-
    Most moments are on the same day by the least and the most that the zone is ever ahead of UTC: adding seconds is then enough, and takes
    a fifth of the time of asking for the time in the zone.
-#}
{% macro day_of(moment) -%}
    {%- if tidegate.platform_timezone() == "UTC" -%}
    cast({{ moment }} as date)
    {%- else -%}
    case
        when {{ tidegate.is_date(moment) }} then cast({{ moment }} as date)
        {%- if tidegate.offsets_of_timezone() %}
        {%- set least, most = tidegate.offsets_of_timezone() %}
        when cast({{ tidegate.seconds_after(moment, least) }} as date) = cast({{ tidegate.seconds_after(moment, most) }} as date)
            then cast({{ tidegate.seconds_after(moment, least) }} as date)
        {%- endif %}
        else cast({{ tidegate.time_in_zone(moment, tidegate.platform_timezone()) }} as date)
    end
    {%- endif -%}
{%- endmacro %}

{#- The first condition is only to leave out most of the others cheaply. -#}
{% macro happened_in_window(moment) -%}
    {%- if tidegate.platform_timezone() == "UTC" -%}
    {{ tidegate.in_window(moment) }}
    {%- else -%}
    (
        {{ moment }} >= {{ tidegate.window_start() }} - 1
        and {{ moment }} < {{ tidegate.window_end() }} + 1
        and {{ tidegate.day_of(moment) }} between {{ tidegate.window_start() }} and {{ tidegate.window_end() }} - 1
    )
    {%- endif -%}
{%- endmacro %}
