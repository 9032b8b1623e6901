select
    _delivered_on as visit_date,
    cast(sum(visitors) as bigint) as visitors
from {{ source("raw", "visits") }}
where {{ tidegate.in_window("_delivered_on") }}
group by _delivered_on
