with

orders as (

    select * from {{ ref("int_orders") }}
    where
        {{ tidegate.in_window("order_date") }}
        and customer_id is not null

),

final as (

    select
        -- ids
        order_date,
        customer_id,

        -- counts; distinct, as an order may lie in two regions
        count(distinct case when sale_lines > 0 then order_id end) as total_orders,
        count(distinct case when return_lines > 0 then order_id end) as total_returns,

        -- amounts
        cast(sum(gross_revenue) as decimal(38, 4)) as gross_revenue,
        cast(sum(returned_amount) as decimal(38, 4)) as returned_amount,
        cast(sum(net_revenue) as decimal(38, 4)) as net_revenue
    from orders
    group by order_date, customer_id

)

select * from final
