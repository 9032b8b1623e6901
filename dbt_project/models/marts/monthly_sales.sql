with

days as (

    select
        *,
        {{ tidegate.month_of("order_date") }} as sales_month
    from {{ tidegate.published("daily_sales") }}
    where {{ tidegate.in_months_from("order_date", 1) }}

),

months as (

    select
        sales_month,
        count(*) as published_days,
        cast(sum(total_orders) as bigint) as total_orders,
        cast(sum(total_returns) as bigint) as total_returns,
        cast(sum(units_sold) as bigint) as units_sold,
        cast(sum(gross_revenue) as decimal(38, 4)) as gross_revenue,
        cast(sum(returned_amount) as decimal(38, 4)) as returned_amount,
        cast(sum(net_revenue) as decimal(38, 4)) as net_revenue,
        cast(sum(total_discount) as decimal(38, 4)) as total_discount,
        cast(sum(paid_amount) as decimal(38, 4)) as paid_amount,
        cast(sum(net_revenue) * 10000 as hugeint) as ten_thousandths
    from days
    group by sales_month

),

final as (

    select
        -- ids
        months.sales_month,

        -- counts
        months.published_days,
        months.total_orders,
        months.total_returns,
        months.units_sold,

        -- amounts
        months.gross_revenue,
        months.returned_amount,
        months.net_revenue,
        {{ tidegate.exact_ratio("months.gross_revenue", "months.total_orders") }} as average_order_value,
        months.total_discount,
        months.paid_amount,

        -- change on the month before
        month_before.net_revenue as net_revenue_month_before,
        months.net_revenue - month_before.net_revenue as net_revenue_change,
        case
            when month_before.net_revenue > 0
                then {{ tidegate.exact_ratio(
                    "100 * (months.ten_thousandths - month_before.ten_thousandths)", "month_before.ten_thousandths"
                ) }}
        end as net_revenue_change_percent
    from months
    left join months as month_before
        on months.sales_month = {{ tidegate.months_after("month_before.sales_month", 1) }}
    where {{ tidegate.in_window("months.sales_month") }}

)

select * from final
