{#- What an order line is worth, exactly. 20 digits by 18 is a decimal of 38, so the product neither overflows nor rounds; were both
    factors of at most 18, DuckDB would keep the product to 18 digits and fail beyond. -#}
{% macro line_amount() -%}
    (cast(quantity as decimal(20, 0)) * unit_price - discount_amount)
{%- endmacro %}
