{{ config(severity="error", meta={"dimension": "completeness", "dagster": {"ref": {"name": "daily_sales"}}}) }}

select
    calendar.date_day as order_date,
    count(daily_sales.order_date) as daily_rows
from {{ tidegate.days_of_window() }} as calendar
left join {{ ref("daily_sales") }} as daily_sales
    on
        calendar.date_day = daily_sales.order_date
        and {{ tidegate.in_window("daily_sales.order_date") }}
group by calendar.date_day
having count(daily_sales.order_date) <> 1
