{{ config(severity="error", meta={"dimension": "consistency", "dagster": {"ref": {"name": "customer_rfm"}}}) }}

-- depends_on: {{ ref("customer_rfm") }}
-- Customers are read from staging. A day that was built again and is held has customers there that passed no gate.
with

staged as (

    select
        partition_day,
        max(rowid) as build
    from {{ source("ops", "builds") }}
    where
        cadence = 'daily'
        and list_contains(models, 'stg_customers')
        and {{ in_reach_of_window("partition_day") }}
    group by partition_day

),

let_in as (

    select
        builds.partition_day,
        max(builds.rowid) as build
    from {{ source("ops", "publications") }} as publications
    inner join {{ source("ops", "builds") }} as builds
        on
            publications.build_id = builds.build_id
            and publications.partition_day = builds.partition_day
    where
        publications.cadence = 'daily'
        and publications.mart = 'orders_daily_summary'
        and {{ in_reach_of_window("publications.partition_day") }}
    group by builds.partition_day

)

select
    snapshots.as_of_date,
    snapshots.snapshot_date
from {{ snapshots_of_mondays() }} as snapshots
inner join staged
    on snapshots.snapshot_date = staged.partition_day
left join let_in
    on snapshots.snapshot_date = let_in.partition_day
where staged.build > coalesce(let_in.build, -1)
