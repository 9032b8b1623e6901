{{ config(severity="error", meta={"dimension": "traceability", "dagster": {"ref": {"name": "stg_payments"}}}) }}

{{ days_that_lost_rows(source("raw", "payments"), ref("stg_payments"), "payment_date", ["payment_id"], "paid_at") }}
