{#- SQL that only DuckDB has. Models are written in a portable subset; what another engine says differently is here. -#}

{% macro days_of_window() -%}
    (
        select cast(moments.moment as date) as date_day
        from range({{ window_start() }}, {{ window_end() }}, interval 1 day) as moments (moment)
    )
{%- endmacro %}

{% macro key_hash(columns) -%}
    hash({{ columns | join(", ") }})
{%- endmacro %}

{#- DuckDB holds the rows of a CTE that is read more than once in memory: 1.3 GB for 5 million order lines, where 0.4 GB is enough. -#}
{% macro not_materialized() -%}
    not materialized
{%- endmacro %}

{#- DuckDB divides decimals as floating point, so this divides whole ten-thousandths. -#}
{% macro exact_ratio(numerator, denominator) -%}
    cast(
        sign({{ numerator }})
        * ((2 * cast(abs({{ numerator }}) * 10000 as hugeint) + {{ denominator }}) // nullif(2 * {{ denominator }}, 0))
        as decimal(34, 0)
    ) * cast(0.0001 as decimal(4, 4))
{%- endmacro %}

{% macro is_date(value) -%}
    typeof({{ value }}) = 'DATE'
{%- endmacro %}

{% macro seconds_after(moment, seconds) -%}
    ({{ moment }} + interval '{{ seconds | int }}' second)
{%- endmacro %}

{% macro time_in_zone(moment, timezone) -%}
    timezone('{{ timezone | replace("'", "''") }}', timezone('UTC', cast({{ moment }} as timestamp)))
{%- endmacro %}
