-- What became of each delivery of these days: the newest verdict, whether another day's delivery stands in for it, and
-- when a genuine one was accepted first. The ledger enters a delivery again whenever it is loaded again; the first time
-- is in ops.contents, which is only ever added to.
with

entries as (

    select *, rowid as entry
    from ops.deliveries
    where partition_day between {{ first }} and {{ last }}

),

newest as (

    select
        source, region, partition_day,
        max_by(verdict, entry) as verdict,
        coalesce(max_by(coalesce(stands_in_for, date '1970-01-01'), entry) <> '1970-01-01', false) as stands_in,
        min(finished_at) filter (
            verdict = 'accepted' and stands_in_for is null and interim_until is null
        ) as accepted_at
    from entries
    group by source, region, partition_day

),

-- The content of a report is verdict:fingerprint:stands_in_for:rows_loaded:rows_quarantined.
reported as (

    select name, day, min(changed_at) as accepted_at
    from ops.contents
    where
        kind = 'report' and subject = '' and day between {{ first }} and {{ last }}
        and starts_with(content, 'accepted:') and regexp_matches(content, ':None:[0-9]+:[0-9]+$')
    group by name, day

)

select
    n.source, n.region, n.partition_day, n.verdict, n.stands_in,
    least(n.accepted_at, r.accepted_at) as first_at
from newest as n
left join reported as r on n.source || '/' || n.region = r.name and n.partition_day = r.day
