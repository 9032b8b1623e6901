select * from {{ ref("daily_visits") }} order by feet desc
