-- Of the newest days of each source: rows read and quarantined, of the deliveries that were accepted last.
with newest as (
    select * from ops.deliveries
    qualify row_number() over (partition by source, region, partition_day order by rowid desc) = 1
),

days as (
    select
        source,
        partition_day,
        sum(rows_quarantined) as quarantined,
        sum(rows_read) as read
    from newest
    where verdict = 'accepted' and stands_in_for is null and interim_until is null and rows_read > 0
    group by source, partition_day
)

select
    source,
    partition_day,
    quarantined / read as share
from days
qualify row_number() over (partition by source order by partition_day desc) <= {{ days }}
order by source asc, partition_day desc
