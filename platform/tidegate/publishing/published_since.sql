-- What stands in serving of the partitions that were published since a moment: of each mart its rows, content and moment,
-- whether it showed other content before, and since when it shows what it does. Of whole days only.
with

lately as (

    select distinct
        cadence,
        partition_day,
        mart
    from ops.publications
    where superseded_by is null and published_at >= {{ since }} and {{ is_whole }}

),

history as (

    select
        p.cadence,
        p.partition_day,
        p.mart,
        p.content_hash,
        p.published_at,
        lag(p.content_hash) over (partition by p.cadence, p.partition_day, p.mart order by p.rowid) as content_before
    from ops.publications as p
    semi join lately as l using (cadence, partition_day)
    where {{ is_whole }}

),

contents as (

    select
        cadence,
        partition_day,
        mart,
        count(distinct content_hash) > 1 as is_restated,
        max(published_at) filter (where content_hash is distinct from content_before) as changed_at
    from history
    group by all

)

select
    p.cadence,
    p.partition_day,
    p.mart,
    p.rows,
    p.content_hash,
    p.published_at,
    c.changed_at,
    c.is_restated
from ops.publications as p
join contents as c using (cadence, partition_day, mart)
where p.superseded_by is null
order by p.partition_day, p.cadence, p.mart
