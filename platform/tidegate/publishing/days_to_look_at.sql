-- The partitions that may be closed for a product: all closed ones, and hardly any other.
--
-- A partition is left out where every delivery that is expected is in and accepted, every model is built, and every
-- check has passed on the newest build or delivery; or where nothing came since it was published.
--
-- days               the partitions that are asked for, between first and last
-- required           what the product needs of deliveries, see ledger.required
-- newest_deliveries  (source, region, day, verdict)
-- is_expected        whether the delivery `r` is expected on the day of `d`
-- models, marts      those of the product; `beside`: the marts of others
-- checks             (asset, check_name, model, source, region) of its blocking checks, place where it is one's
with

days as (select unnest({{ days }}) as day),

required as ({{ required }}),

checks as ({{ checks }}),

newest as (

    select *
    from ({{ newest_deliveries }})
    where day between {{ first }} and {{ last }}

),

shown as (

    select partition_day as day, mart, build_id, is_interim
    from ops.publications
    where superseded_by is null and cadence = {{ cadence }} and partition_day between {{ first }} and {{ last }}

),

builds as (

    select partition_day as day, build_id, models, status, rowid as entry
    from ops.builds
    where partition_day between {{ first }} and {{ last }}

),

of_models as (

    select day, model, max(entry) as entry, max_by(status, entry) as status, max_by(build_id, entry) as build_id
    from (select day, build_id, status, entry, unnest(models) as model from builds)
    where list_contains({{ models }}, model) or model in (select model from checks)
    group by day, model

),

of_days as (

    select day, max(entry) as entry, count(*) = len({{ models }}) as is_whole, bool_and(status = 'built') as is_built
    from of_models
    where list_contains({{ models }}, model)
    group by day

),

-- Whether it shows the newest build of each mart: what the project got since then closes no published day.
settled as (

    select m.day, count(*) = len({{ marts }}) and bool_and(s.build_id is not distinct from m.build_id) as shows_newest
    from of_models as m
    left join shown as s on m.day = s.day and m.model = s.mart
    where list_contains({{ marts }}, m.model)
    group by m.day

),

-- Such a day waits for nothing that never came, unless a delivery of it was withdrawn.
published as (

    select distinct day
    from shown
    where not list_contains({{ beside }}, mart) and is_interim is distinct from true

),

withdrawn as (

    select day
    from newest
    where verdict = {{ withdrawn }}

),

lacking as (

    select d.day
    from days as d
    cross join required as r
    left join newest as n on r.source = n.source and r.region = n.region and d.day = n.day
    where
        n.verdict not in ('accepted', {{ withdrawn }})
        or (
            (n.verdict is null or n.verdict = {{ withdrawn }})
            and ({{ is_expected }})
            and not (
                {{ daily }}
                and d.day in (select day from published)
                and d.day not in (select day from withdrawn)
            )
        )

),

-- None of them is expected: the contracts say that nothing comes.
idle as (

    select d.day
    from days as d
    cross join required as r
    group by d.day
    having not bool_or({{ is_expected }})

),

results as (

    select
        partition_day as day, asset, check_name,
        max_by(passed or severity <> 'error', rowid) as is_good,
        max_by(subject, rowid) as subject
    from ops.check_results
    semi join checks using (asset, check_name)
    where partition_day between {{ first }} and {{ last }}
    group by all

),

judged as (

    select
        r.day, c.asset, c.check_name,
        coalesce(r.is_good, false)
        and (
            coalesce(n.fingerprint = r.subject, false)
            -- What is no model, as a source, was checked with the newest build of any.
            or coalesce(b.entry >= if(list_contains({{ models }}, c.model), m.entry, coalesce(m.entry, o.entry)), false)
        ) as is_good
    from checks as c
    join results as r using (asset, check_name)
    left join builds as b on r.day = b.day and r.subject = b.build_id
    left join of_models as m on r.day = m.day and c.model = m.model
    left join of_days as o on r.day = o.day
    left join (
        select source, region, partition_day as day, max_by(fingerprint, rowid) as fingerprint
        from ops.deliveries
        where partition_day between {{ first }} and {{ last }}
        group by all
    ) as n on c.source = n.source and c.region = n.region and r.day = n.day

),

checked as (

    select day, bool_and(is_good) as is_good, count(*) = (select count(*) from checks) as is_whole
    from judged
    group by day

)

select d.day
from days as d
left join of_days as b using (day)
left join settled as s using (day)
left join checked as c using (day)
where
    d.day in (select day from lacking)
    or d.day in (select day from idle)
    or (not coalesce(b.is_whole, len({{ models }}) = 0) and not coalesce(s.shows_newest, false))
    or not coalesce(b.is_built, true)
    or not coalesce(c.is_good, true)
    or (not coalesce(c.is_whole, (select count(*) from checks) = 0) and not coalesce(s.shows_newest, false))
order by d.day
