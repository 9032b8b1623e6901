{{ config(materialized="ephemeral") }}
select _delivered_on as visit_date, place, visitors
from {{ source("raw", "visits") }}
where {{ tidegate.in_window("_delivered_on") }}
