{{ config(severity="warn", meta={"dimension": "completeness", "dagster": {"ref": {"name": "customer_rfm"}}}) }}

-- depends_on: {{ ref("customer_rfm") }}
-- One row per Monday and day that is not published.
select
    mondays.as_of_date,
    days_reached.reached_day
from {{ tidegate.mondays_of_window() }} as mondays
inner join {{ tidegate.days_reached_by_window() }} as days_reached
    on {{ tidegate.in_reach_of("mondays.as_of_date", "days_reached.reached_day") }}
left join {{ tidegate.published("daily_sales") }} as published_days
    on days_reached.reached_day = published_days.order_date
where
    published_days.order_date is null
    and days_reached.reached_day >= {{ tidegate.first_day() }}
