{#- dbt's `not_null`, which also takes `columns`: rows that lack a value of any of them, found in one scan and reported as one check. -#}
{% test not_null(model, column_name=none, columns=none) %}
    select *
    from {{ model }}
    where {% for column in columns or [column_name] %}{{ column }} is null{{ " or " if not loop.last }}{% endfor %}
{% endtest %}

{#- Rows for which `expression` is not true; null is not true. -#}
{% test expression_is_true(model, expression) %}
    select *
    from {{ model }}
    where ({{ expression }}) is not true
{% endtest %}
