{{ config(partition_by="order_date") }}

with

lines as (

    select * from {{ ref("int_order_lines") }}

),

paid_orders as (

    select distinct
        payment_date,
        order_id
    from {{ ref("stg_payments") }}
    where {{ tidegate.in_window("payment_date") }}

),

measured as (

    select
        -- ids
        order_date,
        region,
        order_id,
        customer_id,

        -- lines
        cast(sum(sale_lines) as bigint) as sale_lines,
        cast(sum(return_lines) as bigint) as return_lines,
        cast(sum(units_sold) as bigint) as units_sold,

        -- amounts
        cast(sum(gross_revenue) as decimal(38, 4)) as gross_revenue,
        cast(sum(returned_amount) as decimal(38, 4)) as returned_amount,
        cast(sum(net_revenue) as decimal(38, 4)) as net_revenue,
        cast(sum(total_discount) as decimal(38, 4)) as total_discount
    from lines
    group by order_date, region, order_id, customer_id

),

final as (

    select
        measured.*,

        -- payments
        paid_orders.order_id is not null as is_paid
    from measured
    left join paid_orders
        on
            measured.order_date = paid_orders.payment_date
            and measured.order_id = paid_orders.order_id

)

select * from final
