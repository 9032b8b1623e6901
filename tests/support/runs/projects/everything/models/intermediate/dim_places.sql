{{ config(materialized="table") }}
select place, any_value(country) as country from {{ ref("places_in_python") }} group by place
