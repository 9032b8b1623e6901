"""Upkeep of the lake: merge small files, expire snapshots, find lost files and those that nothing names."""
