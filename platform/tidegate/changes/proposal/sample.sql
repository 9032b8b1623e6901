-- The published days: how many rows of their deliveries went into quarantine, and how often they were published.
with

published as (

    select partition_day, count(distinct publication_id) as times
    from ops.publications
    where cadence = 'daily'
    group by partition_day
    having bool_or(superseded_by is null)

),

delivered as (

    select partition_day, cast(sum(rows_quarantined) as bigint) as quarantined
    from ops.deliveries
    group by partition_day

)

select partition_day, coalesce(quarantined, 0) as quarantined, times
from published
left join delivered using (partition_day)
order by partition_day
