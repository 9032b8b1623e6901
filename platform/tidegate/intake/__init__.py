"""From a delivery's files to rows of `raw`: find, capture, read, judge, commit.

What a contract means belongs to `tidegate.contract`, transactions and leases to `tidegate.lake`.
"""
