{#- Weekly models: a partition is a Monday, and its rows are built from published days before it. -#}

{% macro mondays_of_window() -%}
    (
        {%- if tidegate.on_spark() %}
        select explode(sequence({{ tidegate.window_start() }}, {{ tidegate.window_end() }} - 1, interval 7 day)) as as_of_date
        {%- else %}
        select cast(moments.moment as date) as as_of_date
        from range({{ tidegate.window_start() }}, {{ tidegate.window_end() }}, interval 7 day) as moments (moment)
        {%- endif %}
    )
{%- endmacro %}

{% macro monday_after(day) -%}
    (cast(date_trunc('week', {{ day }}) as date) + 7)
{%- endmacro %}

{% macro in_reach_of_window(day) -%}
    ({{ day }} >= {{ tidegate.window_start() }} - {{ tidegate.days_reached_back() }} and {{ day }} < {{ tidegate.window_end() }})
{%- endmacro %}

{% macro in_reach_of(as_of_date, day) -%}
    ({{ day }} >= {{ as_of_date }} - {{ tidegate.days_reached_back() }} and {{ day }} < {{ as_of_date }})
{%- endmacro %}

{% macro days_reached_by_window() -%}
    (
        {%- if tidegate.on_spark() %}
        select explode(sequence(
            {{ tidegate.window_start() }} - {{ tidegate.days_reached_back() }}, {{ tidegate.window_end() }} - 1, interval 1 day
        )) as reached_day
        {%- else %}
        select cast(moments.moment as date) as reached_day
        from range({{ tidegate.window_start() }} - {{ tidegate.days_reached_back() }}, {{ tidegate.window_end() }}, interval 1 day) as moments (moment)
        {%- endif %}
    )
{%- endmacro %}
