{#- How schemas are named. -#}

{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- set schema = (custom_schema_name or target.schema) | trim -%}
    {%- set shadow = var("shadow", {}) -%}
    {{ shadow["prefix"] ~ schema if node.unique_id in shadow.get("nodes", []) else schema }}
{%- endmacro %}
