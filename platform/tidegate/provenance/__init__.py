"""Where a figure comes from: why a partition shows what it shows, what happened to it, and whether it can be made so
again.

Only reads, from the ledger, the archive and the lake; what builds beside (`verify`) leaves nothing behind.
"""
