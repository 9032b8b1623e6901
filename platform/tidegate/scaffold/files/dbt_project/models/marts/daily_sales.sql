with

sales as (

    select * from {{ ref("stg_sales") }}
    where {{ tidegate.in_window("sale_date") }}

),

final as (

    -- every day has a row, also one without sales
    select
        days.date_day as sale_date,
        count(sales.sale_id) as sales,
        cast(coalesce(sum(sales.amount), 0) as decimal(38, 2)) as revenue
    from {{ tidegate.days_of_window() }} as days
    left join sales
        on days.date_day = sales.sale_date
    group by days.date_day

)

select * from final
