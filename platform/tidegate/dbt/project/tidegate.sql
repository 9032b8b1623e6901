{#-
    What dbt looks up in the project itself and in no package. Each calls Tidegate's own, so an upgrade reaches all of them.
    Written by `tidegate dbt-package --link`; changes here are lost when it runs again.
-#}

{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ return(tidegate.generate_schema_name(custom_schema_name, node)) }}
{%- endmacro %}

{% macro get_where_subquery(relation) -%}
    {{ return(tidegate.get_where_subquery(relation)) }}
{%- endmacro %}

{% macro get_incremental_window_overwrite_sql(arg_dict) -%}
    {{ return(tidegate.get_incremental_window_overwrite_sql(arg_dict)) }}
{%- endmacro %}

{% macro duckdb__create_table_as(temporary, relation, compiled_code, language="sql", partitioned_by=none, sorted_by=none) -%}
    {{ return(tidegate.duckdb__create_table_as(temporary, relation, compiled_code, language, partitioned_by, sorted_by)) }}
{%- endmacro %}

{% macro duckdb__list_relations_without_caching(schema_relation) -%}
    {{ return(tidegate.duckdb__list_relations_without_caching(schema_relation)) }}
{%- endmacro %}

{% macro py_script_postfix(model) -%}
    {{ return(tidegate.py_script_postfix(model)) }}
{%- endmacro %}
