{{ config(materialized="view") }}
select countries.place, countries.country, coalesce(capitals.is_capital, false) as is_capital
from {{ ref("countries") }} as countries
left join {{ ref("capitals") }} as capitals on countries.place = capitals.place
