-- Everything that happened to one partition, oldest first.
--
-- day       the partition
-- cadence   its cadence
-- days      the condition that the column partition_day is one of the days that the partition is about
-- touched   the condition that the list touched has one of these days
with

checks as (

    select *, lag(passed) over (partition by asset, check_name order by rowid) as passed_before
    from ops.check_results
    where partition_day = {{ day }}

),

publications as (

    select *, lag(content_hash) over (partition by mart order by rowid) as content_before
    from ops.publications
    where cadence = {{ cadence }} and partition_day = {{ day }}

),

events as (

    select
        finished_at as happened_at,
        'delivery' as what,
        run_id,
        source || '/' || region || ' ' || partition_day as subject,
        verdict
        || ': ' || rows_read || ' rows read, ' || rows_loaded || ' loaded, ' || rows_quarantined || ' in quarantine'
        || ', by version ' || contract_version || ' of the contract'
        || if(stands_in_for is null, '', ', standing in with that of ' || stands_in_for)
        || if(reason is null, '', '. ' || reason) as said
    from ops.deliveries
    where {{ days }} or {{ touched }}

    union all

    select
        granted_at as happened_at,
        'waiver' as what,
        '' as run_id,
        source || '/' || region || ' ' || partition_day as subject,
        reason as said
    from ops.waivers
    where {{ days }}

    union all

    select
        started_at as happened_at,
        'build' as what,
        run_id,
        array_to_string(list_sort(models), ', ') as subject,
        status || coalesce('. ' || errors, '') as said
    from ops.builds
    where cadence = {{ cadence }} and partition_day = {{ day }}

    union all

    select
        checked_at as happened_at,
        'check' as what,
        run_id,
        asset || ': ' || check_name as subject,
        if(passed, 'passed again', if(blocking, 'failed', 'failed as a warning') || ': ' || observed) as said
    from checks
    where not passed or not passed_before

    union all

    select
        published_at as happened_at,
        'publication' as what,
        run_id,
        mart as subject,
        publication_id || ': ' || rows || ' rows, content ' || content_hash
        || case
            when content_before is null then ', for the first time'
            when content_before = content_hash then ', as before'
            else ', restated'
        end
        || if(rollback_id is null, '', ', kept by rollback ' || rollback_id) as said
    from publications

    union all

    select
        rolled_back_at as happened_at,
        'rollback' as what,
        '' as run_id,
        mart as subject,
        'back to ' || restores || ', by ' || rolled_back_by || coalesce(': ' || reason, '') as said
    from ops.rollbacks
    where cadence = {{ cadence }} and partition_day = {{ day }}

    union all

    select
        c.made_at as happened_at,
        'change' as what,
        '' as run_id,
        array_to_string(c.marts, ', ') as subject,
        if(c.restores is null, 'applied as change ', 'taken back by change ') || substring(c.change_id, 1, 8)
        || ', by ' || c.made_by || coalesce(', commit ' || c.code, '') || coalesce(': ' || c.reason, '') as said
    from ops.changes as c
    semi join publications as p on ends_with(p.publication_id, '-' || c.change_id)

    union all

    select
        made_at as happened_at,
        'output' as what,
        run_id,
        kind as subject,
        if(inputs_hash = '', 'withdrawn', 'made: ' || location) as said
    from ops.outputs
    where cadence = {{ cadence }} and partition_day = {{ day }}

)

select happened_at, what, run_id, subject, said
from events
order by happened_at, what, subject
