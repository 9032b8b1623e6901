{{ config(severity="error", meta={"dimension": "consistency", "dagster": {"ref": {"name": "segment_summary"}}}) }}

with

segments as (

    select
        as_of_date,
        sum(customers) as customers,
        sum(total_monetary) as monetary
    from {{ ref("segment_summary") }}
    where {{ tidegate.in_window("as_of_date") }}
    group by as_of_date

),

customers as (

    select
        as_of_date,
        count(*) as customers,
        sum(monetary) as monetary
    from {{ ref("customer_rfm") }}
    where {{ tidegate.in_window("as_of_date") }}
    group by as_of_date

)

select coalesce(customers.as_of_date, segments.as_of_date) as as_of_date
from customers
full outer join segments
    on customers.as_of_date = segments.as_of_date
where
    customers.customers is distinct from segments.customers
    or customers.monetary is distinct from segments.monetary
