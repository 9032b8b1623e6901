"""From a delivery's files to rows of `raw` and of `quarantine`: find, capture, read, judge, commit.

`load` holds the order of these steps, and `commit` writes both tables. Two modules write them besides:
`removed_regions` for regions that left a contract, and `rebuilding` for a contract whose types changed.

What a contract means belongs to `tidegate.contract`, where deliveries come from to `tidegate.sources`, transactions and
leases to `tidegate.lake`.
"""
