select
    visits.visit_date,
    places.country,
    cast(sum({{ helpers.doubled("visits.visitors") }}) as bigint) as feet
from {{ ref("stg_visits") }} as visits
inner join {{ ref("dim_places") }} as places on visits.place = places.place
where {{ tidegate.in_window("visits.visit_date") }}
group by visits.visit_date, places.country
