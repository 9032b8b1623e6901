select
    mondays.as_of_date,
    cast(coalesce(sum(visits.visitors), 0) as bigint) as visitors,
    max(weather.degrees) as degrees
from {{ tidegate.mondays_of_window() }} as mondays
left join {{ tidegate.published("daily_visits") }} as visits
    on visits.visit_date >= mondays.as_of_date - 7 and visits.visit_date < mondays.as_of_date
left join {{ tidegate.published("daily_weather") }} as weather
    on visits.visit_date = weather.weather_date
group by mondays.as_of_date
