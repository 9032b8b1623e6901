-- What deliveries held of each date that they touched, and what was published, in an older ledger.
insert into ops.contents (kind, subject, name, day, content, changed_at, made_by)
with

delivered as (

    select
        'delivery' as kind, source as subject, source || '/' || region || ' ' || partition_day as name,
        unnest(touched) as day, concat_ws(':', verdict, fingerprint, rowid) as content,
        finished_at as changed_at, run_id as made_by, rowid as entry
    from ops.deliveries

),

published as (

    select
        'mart' as kind, mart as subject, mart as name, partition_day as day,
        if(
            rollback_id is not null and (rollback_id, mart) not in (select (rollback_id, mart) from ops.rollbacks),
            '', content_hash
        ) as content,
        published_at as changed_at, run_id as made_by, rowid as entry
    from ops.publications
    where superseded_by is null

),

reported as (

    select
        'report' as kind, '' as subject, source || '/' || region as name, partition_day as day,
        concat_ws(':', verdict, fingerprint, rowid) as content,
        finished_at as changed_at, run_id as made_by, rowid as entry
    from ops.deliveries

),

entries as (

    select * from delivered
    union all
    select * from published
    union all
    select * from reported

)

select
    kind, subject, name, day,
    max_by(content, entry) as content,
    max_by(changed_at, entry) as changed_at,
    max_by(made_by, entry) as made_by
from entries
where content is not null
group by kind, subject, name, day
order by changed_at, kind, subject, name, day
