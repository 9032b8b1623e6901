-- A build of a day has seen all if nothing touched its day since; one of a week or month, if no day that it could be made
-- of changed since: those of a year before it, and of a month those in it.
update ops.builds
set contents_seen = if(s.is_behind, -1, {{ newest }})
from (

    with

    touched as (

        select day, max(entry) as entry
        from (select unnest(touched) as day, rowid as entry from ops.deliveries)
        group by day

    ),

    versions as (

        select
            partition_day as day, rowid as entry,
            coalesce(content_hash <> lag(content_hash) over (
                partition by mart, partition_day order by rowid
            ), true) as differs
        from ops.publications
        where cadence = 'daily'

    ),

    changed as (

        select day, max(entry) as entry
        from versions
        where differs
        group by day

    )

    select b.build_id, b.partition_day, b.status, max(t.entry > coalesce(b.deliveries_seen, -1)) as is_behind
    from ops.builds as b
    left join touched as t on b.partition_day = t.day
    where b.cadence = 'daily'
    group by all
    union all
    select b.build_id, b.partition_day, b.status, max(c.entry > coalesce(b.publications_seen, -1)) as is_behind
    from ops.builds as b
    left join changed as c
        on c.day >= b.partition_day - 400
            and c.day < if(b.cadence = 'monthly', b.partition_day + to_months(1), b.partition_day)
    where b.cadence <> 'daily'
    group by all

) as s
where s.build_id = builds.build_id and s.partition_day = builds.partition_day and s.status = builds.status
