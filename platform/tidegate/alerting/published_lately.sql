-- What stands in serving of the partitions that were published lately: of each mart its rows, content and moment, and
-- whether it showed other content before.
with

lately as (

    select distinct
        cadence,
        partition_day,
        mart
    from ops.publications
    where superseded_by is null and published_at >= {{ since }}

),

contents as (

    select
        p.cadence,
        p.partition_day,
        p.mart,
        count(distinct p.content_hash) > 1 as is_restated
    from ops.publications as p
    semi join lately as l using (cadence, partition_day)
    group by all

)

select
    p.cadence,
    p.partition_day,
    p.mart,
    p.rows,
    p.content_hash,
    p.published_at,
    c.is_restated
from ops.publications as p
join contents as c using (cadence, partition_day, mart)
where p.superseded_by is null
order by p.partition_day, p.cadence, p.mart
