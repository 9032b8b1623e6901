"""Tidegate: lets each day's data in only when it is sound, and re-running anything, in any order, is safe."""
