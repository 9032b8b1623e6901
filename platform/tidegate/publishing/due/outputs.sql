-- Every output that there can be, what it would be made of now, and whether it is due.
--
-- kinds         (kind, revision, is_one): of one that is of everything there is one, of the newest partition; where
--               nothing is published yet, of the newest day that something is reported of
-- ingredients   (kind, mart, cadence, is_own, needed): the marts of each kind; its own are those of the same partition
-- publications  (mart, cadence, partition_day, publication_id)
-- may_be_due    the kinds and days that are asked for: all, or those with an input that differs, for one
-- made          (kind, day, entry, contents_seen, revision, told_of): the newest of each, and the publication that it
--               says something of
with

kinds as ({{ kinds }}),

ingredients as ({{ ingredients }}),

published as ({{ publications }}),

unmet as (

    select kind
    from ingredients
    where needed and mart not in (select mart from published)

),

there_are as (

    select i.kind, p.partition_day, max(p.publication_id) as publication_id
    from (from ingredients anti join unmet using (kind)) as i
    join published as p using (mart, cadence)
    where i.is_own
    group by all

),

newest as (

    select t.kind, max(t.partition_day) as partition_day
    from there_are as t
    join kinds as k using (kind)
    where k.is_one
    group by t.kind

),

reported as (

    select k.kind, max(c.day) as partition_day
    from kinds as k, ops.contents as c
    where k.is_one and c.kind = 'report' and k.kind not in (select kind from newest)
    group by k.kind

),

own as (

    select t.kind, t.partition_day as day, t.publication_id
    from there_are as t
    left join newest as n using (kind)
    where t.partition_day >= coalesce(n.partition_day, t.partition_day) and {{ of_days }}
    union all
    select t.kind, t.partition_day as day, '' as publication_id
    from reported as t
    where {{ of_days }}

),

made as ({{ made }}),

all_answers as (

    select o.kind as thing, o.day as partition, coalesce(m.contents_seen, -1) as seen, '' as made_by
    from own as o
    left join made as m using (kind, day)

),

-- Mostly few of thousands, so that what the others are made of is not read and hashed.
answers as (

    select a.*
    from all_answers as a
    where {{ may_be_due }}

),

made_of as (

    select
        thing as kind, partition as day,
        max(changed_at) filter (content <> '') as since,
        bool_or(differs) as differs,
        -- Each is there once, so that none cancels another out. Sorting them instead takes twice as long.
        concat_ws(
            ':',
            bit_xor(md5_number_upper(concat_ws(':', kind, name, day, content))) filter (content <> ''),
            bit_xor(md5_number_lower(concat_ws(':', kind, name, day, content))) filter (content <> '')
        ) as inputs
    from ({{ inputs }})
    group by thing, partition

)

select
    o.kind, o.day,
    md5(concat_ws(':', k.revision, i.inputs)) as inputs_hash,
    o.publication_id, i.since,
    coalesce(m.entry, -1) as entry,
    m.contents_seen is null or i.differs or m.revision <> k.revision
    or coalesce(m.told_of <> o.publication_id, false) as is_due,
    k.revision,
    coalesce((select max(rowid) from ops.contents), -1) as contents_seen
from own as o
join kinds as k using (kind)
join made_of as i using (kind, day)
left join made as m using (kind, day)
order by o.day, o.kind
