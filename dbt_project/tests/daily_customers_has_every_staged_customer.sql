{{ config(severity="error", meta={"dimension": "traceability", "dagster": {"ref": {"name": "daily_customers"}}}) }}

-- That each customer is there once is a check of what is staged: with as many rows, and a customer in each, it holds here as well.
with

staged as (

    select
        snapshot_date,
        count(*) as customers
    from {{ ref("stg_customers") }}
    where {{ tidegate.in_window("snapshot_date") }}
    group by snapshot_date

),

daily_customers as (

    select
        snapshot_date,
        count(*) as row_count,
        count(customer_id) as customers
    from {{ ref("daily_customers") }}
    where {{ tidegate.in_window("snapshot_date") }}
    group by snapshot_date

)

select
    coalesce(daily_customers.snapshot_date, staged.snapshot_date) as snapshot_date,
    staged.customers as staged_customers,
    daily_customers.row_count,
    daily_customers.customers
from daily_customers
full outer join staged
    on daily_customers.snapshot_date = staged.snapshot_date
where
    daily_customers.row_count is distinct from staged.customers
    or daily_customers.customers is distinct from staged.customers
