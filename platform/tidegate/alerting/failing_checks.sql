-- Checks that hold nothing and failed on each of the newest partitions that they ran on.
with newest as (
    select * from ops.check_results
    where not blocking
    qualify row_number() over (partition by asset, check_name, partition_day order by rowid desc) = 1
),

lately as (
    select * from newest
    qualify row_number() over (partition by asset, check_name order by partition_day desc) <= {{ days }}
)

select
    asset,
    check_name,
    list(partition_day) as days,
    max_by(observed, partition_day) as observed
from lately
group by asset, check_name
having count(*) = {{ days }} and not bool_or(passed)
order by asset, check_name
