{#- Which day a moment is on. Moments are naive timestamps in UTC; days are of the platform's time zone. -#}

{#-
    Most moments are on the same day by the least and the most that the zone is ever ahead of UTC: adding seconds is then enough, and takes
    a fifth of the time of asking for the time in the zone.
-#}
{% macro day_of(moment) -%}
    {%- if platform_timezone() == "UTC" -%}
    cast({{ moment }} as date)
    {%- else -%}
    case
        when {{ is_date(moment) }} then cast({{ moment }} as date)
        {%- if offsets_of_timezone() %}
        {%- set least, most = offsets_of_timezone() %}
        when cast({{ seconds_after(moment, least) }} as date) = cast({{ seconds_after(moment, most) }} as date)
            then cast({{ seconds_after(moment, least) }} as date)
        {%- endif %}
        else cast({{ time_in_zone(moment, platform_timezone()) }} as date)
    end
    {%- endif -%}
{%- endmacro %}

{#- The first condition is only to leave out most of the others cheaply. -#}
{% macro happened_in_window(moment) -%}
    {%- if platform_timezone() == "UTC" -%}
    {{ in_window(moment) }}
    {%- else -%}
    (
        {{ moment }} >= {{ window_start() }} - 1
        and {{ moment }} < {{ window_end() }} + 1
        and {{ day_of(moment) }} between {{ window_start() }} and {{ window_end() }} - 1
    )
    {%- endif -%}
{%- endmacro %}
