{#-
    Every generic test sees the rows of the window only, by the day column of the model or source it tests. dbt calls this when it
    compiles a test; a `where` in YAML would be rendered once, when parsing, and then be stale.
-#}
{% macro get_where_subquery(relation) -%}
    {%- if execute -%}
        {%- set tested = graph["nodes"].get(model["attached_node"]) or graph["sources"][model["depends_on"]["nodes"] | first] -%}
        {{ return("(select * from " ~ relation ~ " where " ~ in_window(day_column_of(tested)) ~ ") as in_window") }}
    {%- endif -%}
{%- endmacro %}
