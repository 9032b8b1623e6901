{{ config(severity="error", meta={"dimension": "timeliness"}) }}

select
    order_id,
    line_number
from {{ ref("stg_orders") }}
where
    {{ in_window("order_date") }}
    and (
        order_date <> {{ day_of("ordered_at") }}
        or not {{ arrived_in_time("orders", "delivered_on", "order_date") }}
    )
