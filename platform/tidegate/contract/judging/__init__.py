"""A contract as SQL: the casts, rules and measures that judge a delivery, and the verdict they lead to."""
