-- depends_on: {{ ref("stg_orders") }}
{{ config(severity="error", meta={"dimension": "timeliness", "dagster": {"ref": {"name": "stg_orders"}}}) }}

select
    order_id,
    line_number
from {{ source("raw", "orders") }}
where
    {{ in_window("_delivered_on") }}
    and not coalesce({{ arrived_in_time("orders", "_delivered_on", day_of("ordered_at")) }}, false)
