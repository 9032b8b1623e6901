{{ config(severity="error", meta={"dimension": "timeliness"}) }}

select
    order_id,
    line_number
from {{ ref("stg_orders") }}
where
    {{ tidegate.in_window("order_date") }}
    and (
        order_date <> {{ tidegate.day_of("ordered_at") }}
        or not {{ tidegate.arrived_in_time("orders", "delivered_on", "order_date") }}
    )
