-- What stands in serving of the partitions that were published lately: of each mart its rows, content and moment.
with lately as (
    select distinct
        cadence,
        partition_day,
        mart
    from ops.publications
    where superseded_by is null and published_at >= {{ since }}
)

select
    p.cadence,
    p.partition_day,
    p.mart,
    p.rows,
    p.content_hash,
    p.published_at,
    exists (
        select 1
        from ops.publications as before
        where
            before.cadence = p.cadence and before.partition_day = p.partition_day and before.mart = p.mart
            and before.content_hash <> p.content_hash
    ) as is_restated
from ops.publications as p
semi join lately as l using (cadence, partition_day)
where p.superseded_by is null
order by p.partition_day, p.cadence, p.mart
