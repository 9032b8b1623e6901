-- The models behind published partitions of which the project has other logic now, or that were never there.
--
-- project     (product, cadence, model, is_mart, logic): what each product is made by now
-- within      the condition that a partition is asked for
-- everything  whether models of the same logic count too
with

project as ({{ project }}),

shown as (

    select cadence, partition_day, mart as model, build_id
    from ops.publications
    where superseded_by is null and {{ within }}

),

published as (

    select distinct s.cadence, s.partition_day, m.product
    from shown as s
    join project as m using (cadence, model)
    where m.is_mart

),

entries as (

    select build_id, cadence, partition_day, started_at, rowid as entry, cast(logic as json) as logics, unnest(models) as model
    from ops.builds
    where status = 'built'

),

built as (

    -- Of a mart, the build that is published counts, and of what is not published the newest. Empty where it was not
    -- recorded: such a build is not said to differ.
    select cadence, partition_day, model, max_by(coalesce(e.logics ->> model, ''), e.entry) as logic
    from entries as e
    left join shown as s using (cadence, partition_day, model)
    where s.build_id is null or s.build_id = e.build_id
    group by all

),

behind as (

    select
        cadence, p.partition_day, model, m.is_mart, m.logic as logic_now,
        -- A mart that is built and not published is not there.
        case when not m.is_mart then b.logic when s.build_id is not null then coalesce(b.logic, '') end as logic
    from published as p
    join project as m using (product, cadence)
    left join shown as s using (cadence, partition_day, model)
    left join built as b using (cadence, partition_day, model)

),

changes as (

    select model, min(e.started_at) as changed_at
    from entries as e
    join project as m using (model)
    where e.logics ->> model = m.logic
    group by model

)

select b.cadence, b.partition_day, model, b.is_mart, b.logic, c.changed_at
from behind as b
left join changes as c using (model)
where {{ everything }} or b.logic is null or (b.logic <> '' and b.logic <> b.logic_now)
order by all
