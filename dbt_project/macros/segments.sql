{#- Segments of customers. -#}

{% macro rfm_segment(r, f, m) -%}
    case
        when {{ r }} is null then 'No Purchases'
        when {{ r }} >= 4 and {{ f }} >= 4 and {{ m }} >= 4 then 'Champions'
        when {{ r }} >= 3 and {{ f }} >= 4 and {{ m }} >= 4 then 'Loyal Customers'
        when {{ r }} >= 4 and {{ f }} <= 2 and {{ m }} >= 4 then 'Potential Loyalists'
        when {{ r }} <= 2 and {{ f }} >= 3 and {{ m }} >= 3 then 'At Risk'
        when {{ r }} <= 2 and {{ f }} <= 2 and {{ m }} >= 4 then 'Cannot Lose Them'
        when {{ r }} >= 3 and {{ f }} <= 2 and {{ m }} <= 2 then 'New Customers'
        when {{ r }} <= 3 and {{ f }} <= 2 and {{ m }} <= 2 then 'Hibernating'
        when {{ f }} >= 3 and {{ m }} <= 3 then 'Need Attention'
        else 'Others'
    end
{%- endmacro %}
