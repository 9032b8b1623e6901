{#- The days of the window on which `measures`, summed over `parts`, are not those of daily_sales. -#}
{% macro days_that_do_not_add_up(parts, measures) %}
select
    coalesce(daily_sales.order_date, parts.order_date) as order_date
from (
    select * from {{ ref("daily_sales") }}
    where {{ in_window("order_date") }}
) as daily_sales
full outer join (
    select
        order_date,
        {%- for measure in measures %}
        sum({{ measure }}) as {{ measure }}{{ "," if not loop.last }}
        {%- endfor %}
    from {{ parts }}
    where {{ in_window("order_date") }}
    group by order_date
) as parts
    on daily_sales.order_date = parts.order_date
where
    daily_sales.order_date is null
    {%- for measure in measures %}
    or daily_sales.{{ measure }} <> coalesce(parts.{{ measure }}, 0)
    {%- endfor %}
{% endmacro %}
