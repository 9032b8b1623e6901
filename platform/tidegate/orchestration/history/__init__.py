"""What Dagster's record says: runs under way, how a source answered, and the breaker that follows from it."""
