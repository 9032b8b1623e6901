-- Of each cadence and mart: how many whole partitions stand in serving, and the newest.
select
    cadence,
    mart,
    count(*) as partitions,
    max(partition_day) as newest
from ops.publications
where superseded_by is null and is_interim is distinct from true
group by cadence, mart
