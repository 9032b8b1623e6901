"""Changes of logic: what one would do to history, shown; and done, for all of history at once, or taken back.

A plan builds what changed beside the lake's own tables, tests it and compares it with what is published. Applying it
makes these the candidates and publishes them, all in one transaction.
"""
