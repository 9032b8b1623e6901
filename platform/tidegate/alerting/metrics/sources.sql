-- Of each source, over all entries: rows and deliveries; and the newest day that anything accepted came for.
select
    source,
    sum(rows_loaded)::bigint as rows_loaded,
    sum(rows_quarantined)::bigint as rows_quarantined,
    count(*) filter (where verdict = 'accepted') as accepted,
    count(*) filter (where verdict = 'rejected') as rejected,
    max(partition_day) filter (
        where verdict = 'accepted' and stands_in_for is null and interim_until is null
    ) as newest
from ops.deliveries
group by source
order by source
