-- Every input of things that were made, by name, and whether it differs from what the thing was made of:
-- the one rule of what is due.
--
-- things    (thing, partition, seen, made_by): what each was made of is what ops.contents said up to the entry `seen`,
--           and what the build `made_by` entered; a thing that was made in several parts has a row for each
-- made_of   (thing, kind, subject, begins_before, end_months, end_days, only_newest): what each reads, and of which days
-- which     the condition on inputs `s` of things `r` that are asked for: all of them, or those that came later
-- current   (kind, subject, name, day, content): what is so now, whether or not ops.contents says it yet
with

things as ({{ things }}),

made_of as ({{ made_of }}),

contents as (

    select kind, subject, name, day, content, changed_at, made_by, rowid as entry
    from ops.contents
    semi join made_of using (kind, subject)
    union all
    select kind, subject, name, day, content, now() at time zone 'UTC' as changed_at, '' as made_by, 9223372036854775807 as entry
    from ({{ current }})
    semi join made_of using (kind, subject)

),

standing as (

    select
        kind, subject, name, day,
        max(entry) as entry,
        max_by(content, entry) as content,
        max_by(changed_at, entry) as changed_at,
        max_by(made_by, entry) as made_by,
        min_by(content, entry) as first_content
    from contents
    group by kind, subject, name, day

),

reads as (

    select
        t.thing, t.partition, t.seen, t.made_by, m.kind, m.subject, m.only_newest,
        unnest(generate_series(
            coalesce(t.partition - m.begins_before, date '1970-01-01')::timestamp,
            coalesce(t.partition + to_months(m.end_months) + to_days(m.end_days) - to_days(1), date '1970-01-01'),
            to_days(1)
        ))::date as day
    from things as t
    join made_of as m using (thing)

),

inputs as (

    select
        r.thing, r.partition, r.seen, r.made_by, r.only_newest, kind, subject, s.name, day,
        s.content, s.entry, s.changed_at, s.first_content,
        s.entry > r.seen and s.made_by <> r.made_by as came_later
    from reads as r
    join standing as s using (kind, subject, day)
    where {{ which }}

),

-- Of some things only the newest day that shows anything is read.
newest_days as (

    select thing, partition, subject, max(day) as newest_day
    from inputs
    where only_newest and content not in ({{ shows_nothing }})
    group by thing, partition, subject

),

-- What the thing was made of, where there is something newer.
made_from as (

    select i.thing, i.partition, i.seen, i.made_by, kind, subject, name, day, max_by(c.content, c.entry) as content
    from inputs as i
    join contents as c using (kind, subject, name, day)
    where i.came_later and (c.entry <= i.seen or c.made_by = i.made_by)
    group by all

)

select
    i.thing, i.partition, i.kind, i.subject, i.name, i.day, i.content, i.entry, i.changed_at,
    -- A seed that nobody entered then was what it was when it was entered first, for all that is known.
    i.came_later and i.content <> coalesce(m.content, if(i.kind = 'seed', i.first_content, '')) as differs
from inputs as i
left join newest_days as n using (thing, partition, subject)
left join made_from as m using (thing, partition, seen, made_by, kind, subject, name, day)
where not i.only_newest or i.day >= coalesce(n.newest_day, i.day)
