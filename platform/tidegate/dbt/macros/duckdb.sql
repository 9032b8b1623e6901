{#- SQL that only DuckDB has, beside what Spark says instead. Models are written in a subset that both have. -#}

{% macro days_of_window() -%}
    (
        {%- if tidegate.on_spark() %}
        select explode(sequence({{ tidegate.window_start() }}, {{ tidegate.window_end() }} - 1, interval 1 day)) as date_day
        {%- else %}
        select cast(moments.moment as date) as date_day
        from range({{ tidegate.window_start() }}, {{ tidegate.window_end() }}, interval 1 day) as moments (moment)
        {%- endif %}
    )
{%- endmacro %}

{% macro key_hash(columns) -%}
    {{ "xxhash64" if tidegate.on_spark() else "hash" }}({{ columns | join(", ") }})
{%- endmacro %}

{#- DuckDB holds the rows of a CTE that is read more than once in memory: 1.3 GB for 5 million order lines, where 0.4 GB is enough. -#}
{% macro not_materialized() -%}
    {{ "" if tidegate.on_spark() else "not materialized" }}
{%- endmacro %}

{#-
    DuckDB divides decimals as floating point, so this divides whole ten-thousandths. Spark's `div` gives a bigint and fails beyond, and its
    `sign` is floating point.
-#}
{% macro exact_ratio(numerator, denominator) -%}
    {%- set whole = "decimal(38, 0)" if tidegate.on_spark() else "hugeint" -%}
    {%- set divided = "div" if tidegate.on_spark() else "//" -%}
    {%- set sign = "(case when " ~ numerator ~ " < 0 then -1 else 1 end)" if tidegate.on_spark() else "sign(" ~ numerator ~ ")" -%}
    cast(
        {{ sign }}
        * ((2 * cast(abs({{ numerator }}) * 10000 as {{ whole }}) + {{ denominator }}) {{ divided }} nullif(2 * {{ denominator }}, 0))
        as decimal(34, 0)
    ) * cast(0.0001 as decimal(4, 4))
{%- endmacro %}

{% macro is_date(value) -%}
    upper(typeof({{ value }})) = 'DATE'
{%- endmacro %}

{% macro seconds_after(moment, seconds) -%}
    ({{ moment }} + interval '{{ seconds | int }}' second)
{%- endmacro %}

{% macro time_in_zone(moment, timezone) -%}
    {%- set zone = timezone | replace("'", "''") -%}
    {%- if tidegate.on_spark() -%}
    convert_timezone('UTC', '{{ zone }}', cast({{ moment }} as timestamp_ntz))
    {%- else -%}
    timezone('{{ zone }}', timezone('UTC', cast({{ moment }} as timestamp)))
    {%- endif -%}
{%- endmacro %}

{#-
    In place of dbt-duckdb's, which asks for the number of rows of every table of the lake as well: after each commit of a model that took
    36 ms of CPU, and this takes 5.
-#}
{% macro duckdb__list_relations_without_caching(schema_relation) %}
    {% set inside -%}
        lower(database_name) = '{{ schema_relation.database | lower }}' and lower(schema_name) = '{{ schema_relation.schema | lower }}'
    {%- endset %}
    {% set relations -%}
        select
            '{{ schema_relation.database }}' as database,
            tables.table_name as name,
            tables.schema_name as schema,
            case when views.view_name is null then 'table' else 'view' end as type
        from (select distinct table_name, schema_name from duckdb_columns() where {{ inside }}) as tables
        left join (select view_name from duckdb_views() where {{ inside }}) as views
            on tables.table_name = views.view_name
    {%- endset %}
    {{ return(run_query(relations)) }}
{% endmacro %}
