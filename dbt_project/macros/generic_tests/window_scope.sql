{#-
    dbt calls this when it compiles a test. A test's own `where` is rendered once, when parsing, so it cannot name the window; it holds beside.
-#}
{% macro get_where_subquery(relation) -%}
    {%- if execute -%}
        {%- set tested = graph["nodes"].get(model["attached_node"]) or graph["sources"].get(model["depends_on"]["nodes"] | first) -%}
        {%- set conditions = [] -%}
        {%- if tested and has_day(tested) -%}
            {%- do conditions.append(in_window(day_column_of(tested))) -%}
        {%- endif -%}
        {%- if config.get("where") -%}
            {%- do conditions.append("(" ~ config.get("where") ~ ")") -%}
        {%- endif -%}
        {%- if not conditions -%}
            {{ return(relation) }}
        {%- endif -%}
        {{ return("(select * from " ~ relation ~ " where " ~ conditions | join(" and ") ~ ") as in_window") }}
    {%- endif -%}
{%- endmacro %}
