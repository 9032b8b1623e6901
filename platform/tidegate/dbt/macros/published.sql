{% macro published(mart) -%}
    {%- set built = ref(mart) -%}
    {#- A plain file publishes nothing, and in a unit test the mart is a relation of its rows there, which lies in no schema. -#}
    {%- set is_published = target.name != "plain" and built.schema == "marts" -%}
    {{ return(built.incorporate(path={"schema": "serving"}) if is_published else built) }}
{%- endmacro %}
