-- Published partitions, and the models behind them whose logic is not what the project has now.
--
-- project     (product, cadence, model, is_mart, logic): what each product is made by now
-- within      the condition that a partition is asked for
-- everything  whether models of the same logic count too
with

project as ({{ project }}),

published as (

    select distinct p.cadence, p.partition_day, m.product
    from ops.publications as p
    join project as m on p.mart = m.model and p.cadence = m.cadence and m.is_mart
    where p.superseded_by is null and {{ within }}

),

entries as (

    select cadence, partition_day, rowid as entry, cast(logic as json) as logics, unnest(models) as model
    from ops.builds
    where status = 'built'

),

built as (

    -- Empty where it was not recorded: such a build is not said to differ.
    select cadence, partition_day, model, max_by(coalesce(logics ->> model, ''), entry) as logic
    from entries
    group by cadence, partition_day, model

)

select distinct cadence, p.partition_day, model
from published as p
join project as m using (product, cadence)
left join built as b using (cadence, partition_day, model)
where {{ everything }} or b.model is null or (b.logic <> '' and b.logic <> m.logic)
order by all
