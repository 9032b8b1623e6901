"""An ODCS file becomes a checked contract, and the contract becomes SQL that judges a delivery.

Nothing here knows Dagster, reads deliveries or writes to the lake.
"""
