"""A project of somebody's own, as `tidegate new` writes it."""
