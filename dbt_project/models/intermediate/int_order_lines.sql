{{ config(materialized="ephemeral", contract={"enforced": false}) }}

with

lines as (

    select
        *,
        -- Exact: 20 digits by 18 is a decimal of 38, so the product neither overflows nor rounds. If both factors had at most 18 digits,
        -- DuckDB would keep the product to 18 digits and fail beyond.
        cast(quantity as decimal(20, 0)) * unit_price - discount_amount as amount
    from {{ ref("stg_orders") }}
    where {{ tidegate.in_window("order_date") }}

),

final as (

    select
        -- ids
        order_date,
        region,
        order_id,
        customer_id,

        -- dimensions
        product_category,

        -- lines
        case when quantity > 0 then 1 else 0 end as sale_lines,
        case when quantity < 0 then 1 else 0 end as return_lines,
        case when quantity > 0 then quantity else 0 end as units_sold,

        -- amounts
        case when quantity > 0 then amount else 0 end as gross_revenue,
        case when quantity < 0 then -amount else 0 end as returned_amount,
        amount as net_revenue,
        discount_amount as total_discount
    from lines

)

select * from final
