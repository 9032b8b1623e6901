{#-
    dbt calls this when it compiles a test. A test's own `where` is rendered once, when parsing, so it cannot name the window; it holds beside.
-#}
{% macro get_where_subquery(relation) -%}
    {%- if execute -%}
        {%- set tested = graph["nodes"].get(model["attached_node"]) or graph["sources"].get(model["depends_on"]["nodes"] | first) -%}
        {%- set where = "(" ~ config.get("where") ~ ")" if config.get("where") else none -%}
        {%- if tested and tidegate.has_day(tested) -%}
            {{ return("(select * from " ~ relation ~ " where " ~ tidegate.in_window(tidegate.day_column_of(tested)) ~ (" and " ~ where if where else "") ~ ") as in_window") }}
        {%- elif where -%}
            {{ return("(select * from " ~ relation ~ " where " ~ where ~ ") as in_window") }}
        {%- endif -%}
        {{ return(relation) }}
    {%- endif -%}
{%- endmacro %}
