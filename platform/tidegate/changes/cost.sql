-- The newest builds of a cadence: how many partitions each had, and how long it took.
--
-- cadence  the cadence
-- newest   so many of them
select count(distinct partition_day) as partitions, max(epoch(finished_at) - epoch(started_at)) as seconds
from ops.builds
-- A change enters what its plan has built, in no time.
where status = 'built' and finished_at is not null and cadence = {{ cadence }} and not starts_with(run_id, 'change-')
group by build_id
order by max(rowid) desc
limit {{ newest }}
