select
    _delivered_on as weather_date,
    max(degrees) as degrees
from {{ source("raw", "weather") }}
where {{ tidegate.in_window("_delivered_on") }}
group by _delivered_on
