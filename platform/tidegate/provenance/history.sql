-- Everything that happened to one partition: (happened_at, what, sentence parts), oldest first.
--
-- day       the partition
-- cadence   its cadence
-- days      the condition that the column partition_day is one of the days that the partition is about
-- touched   the condition that the list touched has one of these days
select finished_at as happened_at, 'delivery' as what, run_id,
    source || '/' || region || ' ' || partition_day as subject,
    verdict
    || ': ' || rows_read || ' rows read, ' || rows_loaded || ' loaded, ' || rows_quarantined || ' in quarantine'
    || ', by version ' || contract_version || ' of the contract'
    || if(stands_in_for is null, '', ', standing in with that of ' || stands_in_for)
    || if(reason is null, '', '. ' || reason) as said
from ops.deliveries
where {{ days }} or {{ touched }}

union all

select granted_at, 'waiver', '', source || '/' || region || ' ' || partition_day, reason
from ops.waivers
where {{ days }}

union all

select started_at, 'build', run_id, array_to_string(list_sort(models), ', '),
    status || coalesce('. ' || errors, '')
from ops.builds
where cadence = {{ cadence }} and partition_day = {{ day }}

union all

select checked_at, 'check', run_id, asset || ': ' || check_name,
    if(passed, 'passed again', if(blocking, 'failed', 'failed as a warning') || ': ' || observed)
from (
    select *, lag(passed) over (partition by asset, check_name order by rowid) as passed_before
    from ops.check_results
    where partition_day = {{ day }}
)
where not passed or not passed_before

union all

select
    published_at, 'publication', run_id, mart,
    publication_id || ': ' || rows || ' rows, content ' || content_hash
    || case
        when content_before is null then ', for the first time'
        when content_before = content_hash then ', as before'
        else ', restated'
    end
    || if(rollback_id is null, '', ', kept by rollback ' || rollback_id)
from (
    select *, lag(content_hash) over (partition by mart order by rowid) as content_before
    from ops.publications
    where cadence = {{ cadence }} and partition_day = {{ day }}
)

union all

select rolled_back_at, 'rollback', '', mart,
    'back to ' || restores || ', by ' || rolled_back_by || coalesce(': ' || reason, '')
from ops.rollbacks
where cadence = {{ cadence }} and partition_day = {{ day }}

union all

select c.made_at, 'change', '', array_to_string(c.marts, ', '),
    if(c.restores is null, 'applied as change ', 'taken back by change ') || c.change_id[:8]
    || ', by ' || c.made_by || coalesce(', commit ' || c.code, '') || coalesce(': ' || c.reason, '')
from ops.changes as c
where exists (
    from ops.publications as p
    where p.cadence = {{ cadence }} and p.partition_day = {{ day }} and ends_with(p.publication_id, '-' || c.change_id)
)

union all

select made_at, 'output', run_id, kind, if(inputs_hash = '', 'withdrawn', 'made: ' || location)
from ops.outputs
where cadence = {{ cadence }} and partition_day = {{ day }}

order by happened_at, what, subject
