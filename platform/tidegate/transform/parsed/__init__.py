"""The dbt project as parsed: its files, its graph of models and tests, their columns and their logic."""
