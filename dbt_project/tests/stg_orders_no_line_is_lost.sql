{{ config(severity="error", meta={"dimension": "traceability", "dagster": {"ref": {"name": "stg_orders"}}}) }}

{{ days_that_lost_rows(source("raw", "orders"), ref("stg_orders"), "order_date", ["order_id", "line_number"], "ordered_at") }}
