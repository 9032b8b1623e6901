-- What was made, and is not made of what there is now: a row for each input that differs.
--
-- inputs   inputs.sql, of the things below
with

built as (

    select
        p.thing, b.partition_day as partition, p.model,
        max_by(coalesce(b.contents_seen, -1), b.rowid) as seen,
        max_by(b.build_id, b.rowid) as made_by
    from ops.builds as b
    join ops.made_by as p on list_contains(b.models, p.model)
    where b.status in ('built', 'failed')
    group by p.thing, b.partition_day, p.model

),

written as (

    select kind as thing, partition_day as partition, max_by(coalesce(contents_seen, -1), rowid) as seen
    from ops.outputs
    group by kind, partition_day
    having max_by(inputs_hash, rowid) <> ''

),

answers as (

    select distinct thing, partition, seen, made_by from built
    union all
    select thing, partition, seen, '' as made_by from written

)

select distinct thing, partition, kind, name, day, changed_at
from ({{ inputs }})
where differs
