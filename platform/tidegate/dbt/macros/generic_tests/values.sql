{% test not_null(model, column_name=none, columns=none) %}
    select *
    from {{ model }}
    where {% for column in columns or [column_name] %}{{ column }} is null{{ " or " if not loop.last }}{% endfor %}
{% endtest %}

{% test expression_is_true(model, expression) %}
    select *
    from {{ model }}
    where ({{ expression }}) is not true
{% endtest %}
