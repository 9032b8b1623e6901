{#- The measures of orders, each written once. -#}

{#- Orders are counted distinct: one order can have several rows. -#}
{% macro sales_measures() -%}
    -- counts
    count(distinct case when sale_lines > 0 then order_id end) as total_orders,
    count(distinct case when return_lines > 0 then order_id end) as total_returns,
    cast(sum(units_sold) as bigint) as units_sold,

    -- amounts
    cast(sum(gross_revenue) as decimal(38, 4)) as gross_revenue,
    cast(sum(returned_amount) as decimal(38, 4)) as returned_amount,
    cast(sum(net_revenue) as decimal(38, 4)) as net_revenue,
    cast(sum(total_discount) as decimal(38, 4)) as total_discount,

    -- customers
    count(distinct case when sale_lines > 0 then customer_id end) as unique_customers,
    count(distinct case when sale_lines > 0 and customer_id is null then order_id end) as guest_orders
{%- endmacro %}

{% macro top_category_by_orders(category_orders, per) -%}
    select
        {{ per | join(", ") }},
        product_category as top_category_by_orders
    from (
        select
            *,
            row_number() over (
                partition by {{ per | join(", ") }}
                order by total_orders desc, product_category asc
            ) as place
        from {{ category_orders }}
    ) as ranked_categories
    where place = 1
{%- endmacro %}
