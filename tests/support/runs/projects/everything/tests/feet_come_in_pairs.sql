select * from {{ ref("daily_visits") }} where feet % 2 <> 0 and {{ tidegate.in_window("visit_date") }}
-- A query may end in a comment.
