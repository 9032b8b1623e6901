"""The lake: attaching it, the right to write to it, overwriting windows, the ledger, promote and upkeep.

Contracts, dbt and Dagster are unknown here: callers hand in names, windows and SQL.
"""
