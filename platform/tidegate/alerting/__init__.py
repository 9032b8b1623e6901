"""What is wrong now, whom it concerns, and telling them: once, with what to do, and again when it is over.

Nothing here knows Dagster: what its record says is handed in, as `operations`.
"""
