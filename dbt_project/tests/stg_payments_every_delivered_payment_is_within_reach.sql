-- depends_on: {{ ref("stg_payments") }}
{{ config(severity="error", meta={"dimension": "timeliness", "dagster": {"ref": {"name": "stg_payments"}}}) }}

select payment_id
from {{ source("raw", "payments") }}
where
    {{ in_window("_delivered_on") }}
    and not coalesce({{ arrived_in_time("payments", "_delivered_on", day_of("paid_at")) }}, false)
