"""Figures for Prometheus, read from the ledger and Dagster's record at each scrape. Nothing is counted beside them."""
