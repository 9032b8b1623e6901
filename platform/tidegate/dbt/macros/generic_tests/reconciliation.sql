{% test adds_up_to(model, total, measures, day) %}
with

parts as (

    select * from {{ model }}

)

{{ tidegate.days_that_do_not_add_up("parts", total, measures, day) }}
{% endtest %}
