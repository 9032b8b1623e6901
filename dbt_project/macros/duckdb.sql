{#- SQL that only DuckDB has. Models are written in a portable subset; what another engine says differently is here. -#}

{#- One row per day of the window, as a relation with the column `date_day`. -#}
{% macro days_of_window() -%}
    (
        select cast(moments.moment as date) as date_day
        from range({{ window_start() }}, {{ window_end() }}, interval 1 day) as moments (moment)
    )
{%- endmacro %}

{#- 64 bits that equal keys share. Keys with equal hashes must still be compared: a collision is rare, not impossible. -#}
{% macro key_hash(columns) -%}
    hash({{ columns | join(", ") }})
{%- endmacro %}

{#- Said of a CTE that is read more than once: read its tables each time. DuckDB would hold its rows in memory, 1.3 GB of them for 5 million
    order lines, where 0.4 GB is enough. -#}
{% macro not_materialized() -%}
    not materialized
{%- endmacro %}

{#- `numerator / denominator` rounded half away from zero to 4 decimals. DuckDB divides decimals as floating point,
    so this divides whole ten-thousandths. Null where the denominator is 0. -#}
{% macro exact_ratio(numerator, denominator) -%}
    cast(
        sign({{ numerator }})
        * ((2 * cast(abs({{ numerator }}) * 10000 as hugeint) + {{ denominator }}) // nullif(2 * {{ denominator }}, 0))
        as decimal(34, 0)
    ) * cast(0.0001 as decimal(4, 4))
{%- endmacro %}

{#- Whether an expression is of type date. -#}
{% macro is_date(value) -%}
    typeof({{ value }}) = 'DATE'
{%- endmacro %}

{#- So many whole seconds after `moment`. -#}
{% macro seconds_after(moment, seconds) -%}
    ({{ moment }} + interval '{{ seconds | int }}' second)
{%- endmacro %}

{#- What a clock in the time zone shows at `moment`, a naive timestamp in UTC. -#}
{% macro time_in_zone(moment, timezone) -%}
    timezone('{{ timezone | replace("'", "''") }}', timezone('UTC', cast({{ moment }} as timestamp)))
{%- endmacro %}
