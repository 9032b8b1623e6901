"""Whether a home can work here: small checks, each of one thing, which read only."""
