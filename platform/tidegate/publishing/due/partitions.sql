-- The due partitions of a product: of those whose deliveries all came, or that were begun, the ones that are not
-- published with what they would be made of now.
--
-- open          (partition)
-- models        those that make the product
-- inputs        inputs.sql over the answers below
-- latest        (thing, partition, entry) of all answers: the newest entry that each may read, as latest.sql says
-- delivered     (partition, delivered_at): when the newest delivery came
-- publications  (partition): what was ever published
-- unpublished   partitions whose candidates may be published and are not
with

open as ({{ open }}),

builds as (

    select partition_day as partition, unnest(models) as model, status, build_id, contents_seen, rowid as entry
    from ops.builds
    semi join open on partition = partition_day
    where cadence = {{ cadence }}

),

of_models as (

    select
        partition, model,
        max(entry) as entry,
        max_by(status, entry) in ('building', 'interrupted') as is_unfinished,
        -- A build that ended, well or not, has answered to what it saw.
        max_by(status, entry) filter (status in ('built', 'failed')) as answer,
        max_by(build_id, entry) filter (status in ('built', 'failed')) as build_id,
        max_by(coalesce(contents_seen, -1), entry) filter (status in ('built', 'failed')) as seen
    from builds
    where list_contains({{ models }}, model)
    group by partition, model

),

of_partitions as (

    select
        partition,
        max(entry) as entry,
        bool_or(is_unfinished) as is_unfinished,
        max_by(answer, entry) as answer,
        count(answer) = len({{ models }}) as is_whole
    from of_models
    group by partition

),

answered as (

    select partition, seen, build_id as made_by
    from of_models
    where answer is not null

),

all_answers as (

    select '' as thing, partition, seen, made_by
    from answered
    union
    select '' as thing, partition, -1 as seen, '' as made_by
    from open
    where partition not in (select partition from answered)

),

-- Mostly few of thousands, of which each may read the days of a year.
answers as (

    select a.thing, a.partition, a.seen, a.made_by
    from all_answers as a
    join ({{ latest }}) as l using (thing, partition)
    where l.entry > a.seen

),

differing as (

    select
        partition,
        if(kind in ('day', 'mart'), day::varchar, name) as cause,
        max(entry) as entry,
        max(changed_at) as changed_at,
        -- Deliveries by when they came, the newest first, and then days.
        max(if(kind in ('day', 'mart'), datediff('day', date '1970-01-01', day), entry)) as place,
        bool_or(kind in ('day', 'mart')) as is_day
    from ({{ inputs }})
    where differs
    group by partition, cause

),

causes as (

    select
        partition,
        max(entry) as entry,
        max_by(changed_at, entry) as changed_at,
        list(cause order by is_day asc, place desc)[:{{ causes_named }}] as causes
    from differing
    group by partition

)

select
    o.partition,
    p.partition is not null as restates,
    c.causes,
    coalesce(c.entry, -1) as entry,
    coalesce(c.changed_at, d.delivered_at) as changed_at,
    coalesce(b.entry, -1) as build
from open as o
left join of_partitions as b using (partition)
left join causes as c using (partition)
left join ({{ delivered }}) as d using (partition)
left join ({{ publications }}) as p using (partition)
where
    c.partition is not null
    or b.answer is null
    or b.is_unfinished
    -- What a published partition was not built with came later, as newer logic does: a plan builds it.
    or (b.answer = 'built' and not b.is_whole and p.partition is null)
    or list_contains({{ unpublished }}, o.partition)
order by o.partition
