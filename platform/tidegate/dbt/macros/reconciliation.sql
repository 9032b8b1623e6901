{#- Whether parts add up to a total. -#}

{% macro days_that_do_not_add_up(parts, total, measures, day) -%}
select coalesce(total.{{ day }}, parts.{{ day }}) as {{ day }}
from (
    select * from {{ total }}
    where {{ tidegate.in_window(day) }}
) as total
full outer join (
    select
        {{ day }},
        {%- for measure in measures %}
        sum({{ measure }}) as {{ measure }}{{ "," if not loop.last }}
        {%- endfor %}
    from {{ parts }}
    where {{ tidegate.in_window(day) }}
    group by {{ day }}
) as parts
    on total.{{ day }} = parts.{{ day }}
where
    total.{{ day }} is null
    {%- for measure in measures %}
    or total.{{ measure }} <> coalesce(parts.{{ measure }}, 0)
    {%- endfor %}
{%- endmacro %}
