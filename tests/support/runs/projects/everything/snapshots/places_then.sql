{% snapshot places_then %}
{{ config(schema="staging", strategy="check", unique_key="place", check_cols="all") }}
select distinct place from {{ source("raw", "visits") }}
{% endsnapshot %}
