-- Each partition of each product that has begun, and its state: `serving.calendar`.
--
-- What is published comes from ops.publications, so it changes in the transaction that publishes. A deadline passes
-- without one: ops.calendar has it, and the reader's clock says whether it has passed.
with

marts as (

    select product, cadence, unnest(marts) as mart
    from ops.products

),

-- A publication of a product: all its marts together.
versions as (

    select
        m.product, m.cadence, p.partition_day, p.publication_id,
        max(p.rowid) as entry,
        min(p.published_at) as published_at,
        bool_or(p.superseded_by is null) as stands,
        max(p.rollback_id) as rollback_id,
        coalesce(bool_or(p.is_interim), false) as is_interim,
        list(p.mart order by p.mart) as marts,
        md5(string_agg(p.mart || ':' || p.content_hash, ',' order by p.mart)) as content_hash
    from ops.publications as p
    join marts as m using (mart, cadence)
    group by all

),

changes as (

    select
        *,
        coalesce(content_hash <> lag(content_hash) over (
            partition by product, cadence, partition_day, is_interim order by entry
        ), true) as differs
    from versions

),

published as (

    select
        product, cadence, partition_day,
        max_by(publication_id, entry) as publication_id,
        -- The publication that brought the content; those after it published the same again.
        max_by(publication_id, entry) filter (differs) as content_from,
        coalesce(min(published_at) filter (not is_interim), min(published_at)) as published_at,
        -- What comes while a day goes on restates nothing.
        if(
            count(*) filter (differs and not is_interim) > 1,
            max_by(published_at, entry) filter (differs and not is_interim),
            null
        ) as restated_at,
        greatest(count(*) filter (differs and not is_interim) - 1, 0) as restatements,
        max_by(is_interim, entry) as is_interim,
        max_by(content_hash, entry) as content_hash,
        max_by(rollback_id, entry) as rollback_id,
        max_by(marts, entry) as marts
    from changes
    group by product, cadence, partition_day
    having bool_or(stands)

),

rollbacks as (

    select
        rollback_id,
        max(
            'Rolled back to ' || restores || ' by ' || rolled_back_by || coalesce(': ' || rtrim(reason, '.'), '') || '.'
        ) as sentence
    from ops.rollbacks
    group by rollback_id

),

partitions as (

    select product, cadence, partition_day
    from ops.calendar
    where begins_at <= make_timestamp(epoch_us(now()))
    union
    select product, cadence, partition_day
    from published
    union
    select product, cadence, partition_day
    from ops.holds

),

states as (

    select
        product, cadence, partition_day, p.marts, p.publication_id, p.content_from, p.published_at, p.restated_at,
        p.restatements, p.content_hash, c.deadline, h.reason as held_because, r.sentence as rolled_back,
        coalesce(c.deadline < make_timestamp(epoch_us(now())), false) as is_past_deadline,
        case
            when p.is_interim then 'so far'
            when p.publication_id is not null then 'published'
            when not coalesce(c.is_required, true) then 'not required'
            when h.reason is not null then 'held'
            when c.deadline < make_timestamp(epoch_us(now())) then 'overdue'
            else 'awaited'
        end as state
    from partitions
    left join ops.calendar as c using (product, cadence, partition_day)
    left join published as p using (product, cadence, partition_day)
    left join ops.holds as h using (product, cadence, partition_day)
    left join rollbacks as r on p.rollback_id = r.rollback_id

)

select
    product, cadence, partition_day, state,
    case state
        when 'so far' then concat_ws(' ', 'Not read to its end yet.', 'A newer version is held: ' || held_because)
        when 'published'
            then nullif(concat_ws(' ', rolled_back, 'A newer version is held: ' || held_because), '')
        when 'not required' then 'No source delivers for it, as the contracts say.'
        when 'held' then held_because
        when 'overdue'
            then 'Nothing was published by ' || strftime(deadline, '%Y-%m-%d %H:%M') || ' UTC, as promised.'
    end as reason,
    publication_id, content_from, published_at, restated_at, restatements, content_hash, deadline,
    is_past_deadline and state not in ('published', 'not required') as is_late,
    marts
from states
