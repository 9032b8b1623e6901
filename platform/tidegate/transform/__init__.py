"""dbt, run in this process over one window of days. Nothing here knows Dagster."""
