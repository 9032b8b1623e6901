{#-
    The incremental strategy `window_overwrite`, for what dbt runs; models that are only a statement Tidegate overwrites in the same way by
    itself (`transform/models.py`). dbt's own `delete+insert` by date would keep the rows of a day that became empty.

    The new rows are not sorted: with `partitioned_write_max_open_files` above the days of a window (lake_plugin sets it) DuckDB writes one
    file a day all the same, in 4 s against 10 s for 7.3 million staged lines over 365 days.
-#}
{% macro get_incremental_window_overwrite_sql(arg_dict) %}
    {%- set columns = get_quoted_csv(arg_dict["dest_columns"] | map(attribute="name")) -%}
    delete from {{ arg_dict["target_relation"] }} where {{ tidegate.in_window(tidegate.day_column_of(model)) }};
    insert into {{ arg_dict["target_relation"] }} ({{ columns }})
    select
    {%- for column in arg_dict["dest_columns"] | map(attribute="name") | map("lower") %}
        {%- set is_day = adapter.quote(column) == tidegate.day_column_of(model) | lower %}
        {{ tidegate.day_inside(arg_dict["target_relation"]) if is_day else adapter.quote(column) }}{{ "," if not loop.last }}
    {%- endfor %}
    from {{ arg_dict["temp_relation"] }}
{% endmacro %}

{#- A row of another day would be there twice after a second run. In a where, DuckDB may ask it of rows that the query leaves out. -#}
{% macro day_inside(relation) -%}
    {%- set day = tidegate.day_column_of(model) -%}
    case when {{ tidegate.in_window(day) }} then {{ day }}
        else error('a row for {{ (relation.schema ~ "." ~ relation.identifier) | replace("'", "''") }} lies outside of the window that is overwritten')
    end
{%- endmacro %}

{% macro day_column_of(node) -%}
    {{ return("_delivered_on" if node["resource_type"] == "source" else adapter.quote(node["config"]["meta"]["tidegate"]["day"])) }}
{%- endmacro %}

{% macro has_day(node) -%}
    {{ return(node["resource_type"] == "source" or "day" in (node["config"].get("meta", {}).get("tidegate") or {})) }}
{%- endmacro %}

{#-
    dbt-duckdb's incremental materialization keeps the query's result in a temporary table before the strategy inserts it.
    For `window_overwrite`, which reads it once, a temporary view saves holding every row in memory a second time.
-#}
{% macro duckdb__create_table_as(temporary, relation, compiled_code, language="sql", partitioned_by=none, sorted_by=none) %}
    {%- if temporary and language == "sql" and config.get("incremental_strategy") == "window_overwrite" -%}
        {{ get_assert_columns_equivalent(compiled_code) }}
        create temporary view {{ relation.include(database=false, schema=false) }} as (
        {# On a line of its own: a query may end in a comment. #}
        {{ compiled_code }}
        )
    {%- elif language == "python" and config.get("materialized") == "incremental" -%}
        {%- set temporary_table = "temporary table " ~ relation.include(database=false, schema=false) -%}
        {{ tidegate.keep_rows_of_python_model(temporary_table if temporary else "table " ~ relation) }}
    {%- else -%}
        {{ dbt.duckdb__create_table_as(temporary, relation, compiled_code, language, partitioned_by, sorted_by) }}
    {%- endif -%}
{% endmacro %}
