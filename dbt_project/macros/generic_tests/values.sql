{#- Rows that lack a value of `columns`. One scan for all columns. -#}
{% test required_values_are_present(model, columns) %}
    select *
    from {{ model }}
    where {% for column in columns %}{{ column }} is null{{ " or " if not loop.last }}{% endfor %}
{% endtest %}

{#- Rows for which `condition` does not hold; a condition that is null does not hold. -#}
{% test every_row_holds(model, condition) %}
    select *
    from {{ model }}
    where not coalesce({{ condition }}, false)
{% endtest %}
