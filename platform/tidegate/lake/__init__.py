"""The lake as an engine: attaching it, the right to write to it, overwriting windows, hashing content.

Ledger, contracts, dbt and Dagster are unknown here: callers hand in names, windows and SQL.
"""
