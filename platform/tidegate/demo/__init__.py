"""Demo data written into a landing folder as deliveries: an invented shop, or slices of a real data set.

Nothing here reads contracts, the lake or settings, and the platform needs none of it to run.
"""
