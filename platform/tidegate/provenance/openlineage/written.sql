-- What each of some runs put into the lake: a row for each source that it loaded, and each mart that it published.
--
-- runs   the condition that the column run_id is one of them
select
    run_id,
    'raw' as schema_name,
    source as name,
    sum(rows_loaded)::bigint as written_rows,
    -- Where it was delivered, for each region.
    list(distinct region order by region) as regions,
    null as version
from ops.deliveries
where {{ runs }} and verdict = 'accepted'
group by all

union all

select
    run_id,
    'serving' as schema_name,
    mart as name,
    sum(rows)::bigint as written_rows,
    []::varchar[] as regions,
    arg_max(publication_id, rowid) as version
from ops.publications
where {{ runs }}
group by all

order by all
