{{ config(severity="error", meta={"dimension": "consistency", "dagster": {"ref": {"name": "daily_sales_by_category"}}}) }}

{%- set measures = ["units_sold", "gross_revenue", "returned_amount", "net_revenue", "total_discount"] %}

{{ days_that_do_not_add_up(ref("daily_sales_by_category"), measures) }}
