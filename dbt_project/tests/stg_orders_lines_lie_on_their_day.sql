{{ config(severity="error", meta={"dimension": "timeliness"}) }}

select
    order_id,
    line_number
from {{ ref("stg_orders") }}
where
    {{ in_window("order_date") }}
    and (
        order_date <> cast(ordered_at as date)
        or not {{ arrived_in_time("orders", "delivered_on", "order_date") }}
    )
