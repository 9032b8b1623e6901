{{ config(partition_by="order_date") }}

with

lines as (

    select
        *,
        {{ line_amount() }} as amount
    from {{ ref("stg_orders") }}
    where {{ in_window("order_date") }}

),

paid_orders as (

    select distinct
        payment_date,
        order_id
    from {{ ref("stg_payments") }}
    where {{ in_window("payment_date") }}

),

measured as (

    select
        -- ids
        order_date,
        region,
        order_id,
        customer_id,

        -- lines
        count(case when quantity > 0 then 1 end) as sale_lines,
        count(case when quantity < 0 then 1 end) as return_lines,
        cast(sum(case when quantity > 0 then quantity else 0 end) as bigint) as units_sold,

        -- amounts
        cast(sum(case when quantity > 0 then amount else 0 end) as decimal(38, 4)) as gross_revenue,
        cast(sum(case when quantity < 0 then -amount else 0 end) as decimal(38, 4)) as returned_amount,
        cast(sum(amount) as decimal(38, 4)) as net_revenue,
        cast(sum(discount_amount) as decimal(38, 4)) as total_discount
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
