{#- The days on which `measures`, summed over the model, are not those of `total`, which has one row per day. -#}
{% test adds_up_to(model, total, measures, day) %}
with

parts as (

    select * from {{ model }}

)

{{ days_that_do_not_add_up("parts", total, measures, day) }}
{% endtest %}
