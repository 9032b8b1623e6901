"""From a delivery's files to rows of `raw` and of `quarantine`: find, capture, read, judge, commit.

`load` holds the order of these steps, and `commit` alone writes both tables. What a contract means belongs to
`tidegate.contract`, where deliveries come from to `tidegate.sources`, transactions and leases to `tidegate.lake`.
"""
